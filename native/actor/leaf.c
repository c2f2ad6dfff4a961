// The last process of a chain: makes resources, performs the steps, undoes both.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

static pid_t script;
static int to_script = -1, from_script = -1;

static void undo_all(void)
{
  undo_steps();
  undo_resources();
  undo_files();
}

static void cancelled(int signal)
{
  (void)signal;
  if (script > 0) kill(script, SIGKILL);
  undo_all();
  _exit(143);
}

// `before` and `after` are one script of one shell, which waits between them: the second may use what the first defines.
static bool start_script(const char *text)
{
  int there[2], back[2];
  if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0) return false;
  script = fork();
  if (script < 0) return false;
  if (script == 0) {
    signal(SIGPIPE, SIG_DFL);
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(nothing, 1);
    dup2(nothing, 2);
    dup2(there[0], 8);
    dup2(back[1], 9);
    execlp("bash", "bash", "-c", text, (char *)NULL);
    execlp("sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
  }
  close(there[0]);
  close(back[1]);
  to_script = there[1];
  from_script = back[0];
  char ready;
  ssize_t got;
  while ((got = read(from_script, &ready, 1)) < 0 && errno == EINTR) {}
  return got == 1;
}

static void end_script(void)
{
  if (script <= 0) return;
  int status;
  close(to_script);
  while (waitpid(script, &status, 0) < 0 && errno == EINTR) {}
  script = 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) tell("error there is no shell that runs before and after");
}

int run_leaf(void)
{
  struct plan plan = read_plan(PLAN_FD);
  fcntl(PLAN_FD, F_SETFD, FD_CLOEXEC);
  fcntl(TELL_FD, F_SETFD, FD_CLOEXEC);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, cancelled);
  struct identity identity;
  const struct line *self = process_at(&plan, chain_length(&plan) - 1);
  if (identity_of(self, &identity) && settle_capabilities(&identity) < 0) tell_failure("taking capabilities", "");
  bool can = true;
  for (int i = 0; i < plan.count && can; i++) {
    const struct line *line = &plan.lines[i];
    if (strcmp(line->verb, "script") == 0 && !start_script(value_of(line, "text", ""))) {
      tell("error the script before the test ended early");
      can = false;
    }
    if (strcmp(line->verb, "resource") == 0) can = make_resource(line);
    if (strcmp(line->verb, "step") == 0) can = perform_step(line);
  }
  undo_all();
  end_script();
  return 0;
}

// Waits as cat does: its standard input is a pipe that the leaf holds.
int run_idle(void)
{
  char buffer[512];
  while (read(0, buffer, sizeof buffer) > 0) {}
  return 0;
}
