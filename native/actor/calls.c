// Steps whose arguments are texts and numbers only: a row each, performed alike.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"

// Arguments by their names in a plan; `&NAME` is a text, `.` the working directory, `-` nothing.
static const struct call {
  const char *name;
  long number;
  const char *args[5];
} calls[] = {
  { "fchmodat", SYS_fchmodat, { ".", "&pathname", "mode" } },
  { "mkdirat", SYS_mkdirat, { ".", "&pathname", "mode" } },
  { "unlinkat", SYS_unlinkat, { ".", "&pathname", "flags" } },
  { "renameat2", SYS_renameat2, { ".", "&oldPath", ".", "&newPath", "flags" } },
  { "accept4", SYS_accept4, { "fd", "-", "-", "flags" } },
  { "ptrace", SYS_ptrace, { "request", "pid", "addr", "data" } },
  { "setns", SYS_setns, { "fd", "nstype" } },
  { "unshare", SYS_unshare, { "flags" } },
  { "setuid", SYS_setuid, { "uid" } },
  { "bpf", SYS_bpf, { "cmd" } },
  { "userfaultfd", SYS_userfaultfd, { "flags" } },
};

static bool read_args(const struct line *line, const struct call *call, long values[5])
{
  for (int i = 0; i < 5 && call->args[i]; i++) {
    const char *key = call->args[i];
    if (*key == '.') values[i] = AT_FDCWD;
    else if (*key == '&') values[i] = (long)value_of(line, key + 1, "");
    else if (!number_of(line, key, 0, &values[i])) return false;
  }
  return true;
}

static long perform_row(const struct line *line, const struct call *call)
{
  long values[5] = { 0 };
  if (!read_args(line, call, values)) {
    errno = 0;
    return -1;
  }
  const char *folder = call->number == SYS_mkdirat ? (const char *)values[1] : NULL;
  long result = syscall(call->number, values[0], values[1], values[2], values[3], values[4]);
  if (folder && result == 0) remove_later(folder);
  return result;
}

static long receive(const struct line *line)
{
  long fd, length;
  if (!number_of(line, "fd", -1, &fd) || !number_of(line, "len", 4096, &length)) {
    errno = 0;
    return -1;
  }
  return syscall(SYS_recvfrom, fd, allocate((size_t)length + 1), length, 0, NULL, NULL);
}

static long sleep_for(const struct line *line)
{
  struct timespec time = { 0 };
  if (!number_of(line, "seconds", 0, &time.tv_sec)) {
    errno = 0;
    return -1;
  }
  return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL);
}

bool perform_call(const struct line *line, const char *name, long *result)
{
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(calls[i].name, name) != 0) continue;
    *result = perform_row(line, &calls[i]);
    return true;
  }
  if (strcmp(name, "recvfrom") == 0) *result = receive(line);
  else if (strcmp(name, "clock_nanosleep") == 0) *result = sleep_for(line);
  else return false;
  return true;
}
