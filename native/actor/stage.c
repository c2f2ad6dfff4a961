// The stage: starts a root for each plan that it is given. Requests on the standard input, `run ID LENGTH` and the plan,
// or `cancel ID`; what the processes of the tests tell goes to the standard output. Ends with its input.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

#define ROOTS 4096

static struct {
  char id[32];
  pid_t pid;
} roots[ROOTS];

static void reap(void)
{
  pid_t pid;
  while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
    for (int i = 0; i < ROOTS; i++) if (roots[i].pid == pid) roots[i].pid = 0;
  }
}

static void start_root(const char *id, int plan)
{
  char mark[96];
  snprintf(mark, sizeof mark, MARK "=%s/root", id);
  pid_t pid = fork();
  if (pid == 0) {
    if (dup2(plan, PLAN_FD) < 0) _exit(71);
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(nothing, 1);
    dup2(nothing, 2);
    if (nothing > 2) close(nothing);
    close(plan);
    putenv(mark);
    execl("/proc/self/exe", "root", (char *)NULL);
    _exit(71);
  }
  for (int i = 0; i < ROOTS && pid > 0; i++) {
    if (roots[i].pid != 0) continue;
    roots[i].pid = pid;
    strcpy(roots[i].id, id);
    return;
  }
  test_id = id;
  tell("error the test cannot be started");
  tell("end");
}

static bool take_plan(const char *id, size_t length)
{
  int plan = memfd_create("plan", MFD_CLOEXEC);
  char buffer[4096];
  while (length > 0) {
    size_t got = fread(buffer, 1, length < sizeof buffer ? length : sizeof buffer, stdin);
    if (got == 0 || write(plan, buffer, got) != (ssize_t)got) return false;
    length -= got;
  }
  start_root(id, plan);
  close(plan);
  return true;
}

static void cancel(const char *id)
{
  for (int i = 0; i < ROOTS; i++) {
    if (roots[i].pid > 0 && (!id || strcmp(roots[i].id, id) == 0)) kill(roots[i].pid, SIGTERM);
  }
}

int run_stage(void)
{
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur <= TELL_FD) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const char *above = getenv("TMPDIR");
  char *folder = format("%s/falco-pipe-XXXXXX", above && *above ? above : "/tmp");
  unsetenv("TMPDIR"); // of us, not of the tests
  if (dup2(1, TELL_FD) < 0) return 71;
  char *actor = mkdtemp(folder) ? format("%s/actor", folder) : NULL;
  if (!actor || chmod(folder, 0755) < 0 || copy_file("/proc/self/exe", actor) < 0) {
    tell_failure("making a folder for programs:", folder);
    return 71;
  }
  // Cancelled before it is ready for that, a root would be gone without undoing anything.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  tell("stage %s", folder);
  char id[32], word[16];
  size_t length;
  for (char line[128]; fgets(line, sizeof line, stdin);) {
    reap();
    if (sscanf(line, "%15s %31s %zu", word, id, &length) == 3) {
      if (!take_plan(id, length)) break;
    } else if (sscanf(line, "%15s %31s", word, id) == 2) {
      cancel(id);
    }
  }
  cancel(NULL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {}
  unlink(actor);
  rmdir(folder);
  return 0;
}
