// The root of a test: prepares what its processes need, starts them, ends what is left of them and undoes everything.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

static volatile sig_atomic_t cancelled;

static void cancel(int signal)
{
  (void)signal;
  if (!cancelled) cancelled = 1;
}

// The program under the name that a process is to have: a link costs nothing, where a file system allows it.
static bool make_program(const struct line *process, const char *actor)
{
  const char *file = value_of(process, "file", ""), *run = value_of(process, "run", "");
  if (make_parents(file) < 0 || (link(actor, file) < 0 && (errno != EXDEV || copy_file(actor, file) < 0))) {
    tell_failure("making the program", file);
    return false;
  }
  remove_later(file);
  if (strcmp(file, run) == 0) return true;
  if (symlink(file, run) < 0) {
    tell_failure("making the program", run);
    return false;
  }
  remove_later(run);
  return true;
}

static bool prepare(const struct plan *plan)
{
  for (int i = 0; i < plan->count; i++) {
    const struct line *line = &plan->lines[i];
    if (strcmp(line->verb, "scratch") == 0 && own_files(value_of(&plan->lines[0], "actor", ""), values_of(line, "path")) < 0)
      return false;
    if (strcmp(line->verb, "network") == 0 && own_network(values_of(line, "address")) < 0) {
      tell_failure("making a network", "");
      return false;
    }
    // The next process that is started is the first one of it.
    if (strcmp(line->verb, "pids") == 0 && unshare(CLONE_NEWPID) < 0) {
      tell_failure("making a pid namespace", "");
      return false;
    }
    if (strcmp(line->verb, "process") == 0 && !make_program(line, value_of(&plan->lines[0], "actor", ""))) return false;
  }
  return true;
}

// A process whose parent has ended is ours (a subreaper's): whatever is left of a test is below us.
static void end_all(void)
{
  for (;;) {
    char path[64], list[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, list, sizeof list - 1);
    close(fd);
    if (length <= 0) return;
    list[length] = 0;
    for (char *rest = list, *word; (word = strsep(&rest, " "));) if (atoi(word) > 1) kill(atoi(word), SIGKILL);
    if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD) return;
  }
}

// The leaf undoes what it has done before it ends, so it is asked first, and for a moment.
static int wait_for(pid_t pid)
{
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 0;
    if (cancelled != 1) continue;
    cancelled = 2;
    kill(-getpid(), SIGTERM);
    alarm(2);
  }
  return status;
}

static void too_late(int signal)
{
  (void)signal;
  end_all();
}

int run_root(void)
{
  struct plan plan = read_plan(PLAN_FD);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  setpgid(0, 0);
  struct sigaction on_cancel = { .sa_handler = cancel }, on_alarm = { .sa_handler = too_late };
  sigaction(SIGTERM, &on_cancel, NULL);
  sigaction(SIGALRM, &on_alarm, NULL);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_UNBLOCK, &term, NULL);
  // The stage may be killed: then nobody could cancel us.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (prepare(&plan) && !cancelled) {
    pid_t pid = start_process(&plan, 0);
    int status = pid < 0 ? 0 : wait_for(pid);
    if (WIFSIGNALED(status)) tell("error the first process was ended by signal %d", WTERMSIG(status));
  }
  end_all();
  undo_files();
  tell("end");
  return 0;
}
