// The chain of processes of a test: each starts the next, under the names that the plan gives.
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

extern char **environ;

int chain_length(const struct plan *plan)
{
  int count = 0;
  while (process_at(plan, count)) count++;
  return count;
}

const struct line *process_at(const struct plan *plan, int index)
{
  for (int i = 0; i < plan->count; i++) {
    if (strcmp(plan->lines[i].verb, "process") == 0 && index-- == 0) return &plan->lines[i];
  }
  return NULL;
}

// The mark first: of a large environment the detector sees the beginning only. A name counts once, the last that is given.
char **environment(const char *role, char **more)
{
  int count = 0, own = 0;
  while (environ[count]) count++;
  while (more[own]) own++;
  char **result = allocate((size_t)(count + own + 2) * sizeof *result);
  int at = 0;
  result[at++] = format(MARK "=%s/%s", test_id, role);
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(environ[i], '=');
    size_t length = equals ? (size_t)(equals - environ[i]) + 1 : 0;
    bool is_given = strncmp(environ[i], MARK "=", sizeof MARK) == 0;
    for (int j = 0; j < own && !is_given; j++) is_given = strncmp(environ[i], more[j], length) == 0;
    if (!is_given) result[at++] = environ[i];
  }
  for (int j = 0; j < own; j++) result[at++] = more[j];
  return result;
}

pid_t start_process(const struct plan *plan, int index)
{
  const struct line *process = process_at(plan, index);
  const char *path = value_of(process, "run", "");
  bool is_leaf = process_at(plan, index + 1) == NULL;
  struct identity identity;
  if (!identity_of(process, &identity)) {
    tell("error there is no user %s", value_of(process, "user", ""));
    return -1;
  }
  char **args = values_of(process, "arg");
  char **variables = environment(is_leaf ? "leaf" : format("chain/%d", index), values_of(process, "env"));
  pid_t pid = fork();
  if (pid < 0) tell_failure("starting", path);
  if (pid != 0) return pid;
  bool has_terminal = strcmp(value_of(process, "terminal", "no"), "yes") == 0;
  if (has_terminal && take_terminal() < 0) tell_failure("giving a terminal to", path);
  else if (become(&identity) < 0) tell_failure("becoming the user and taking the capabilities of", path);
  else {
    execve(path, args, variables);
    tell_failure("executing", path);
  }
  _exit(127);
}

int run_chain(int index)
{
  struct plan plan = read_plan(PLAN_FD);
  pid_t pid = start_process(&plan, index + 1);
  int status = 0;
  if (pid < 0) return 71;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
