// What the tester is told.
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"

const char *test_id = "0";

// One write of less than PIPE_BUF bytes: lines of several processes do not mix.
void tell(const char *pattern, ...)
{
  char line[1024];
  int start = snprintf(line, 64, "%s ", test_id);
  va_list args;
  va_start(args, pattern);
  int length = vsnprintf(line + start, sizeof line - 1 - start, pattern, args);
  va_end(args);
  size_t end = (size_t)start + (length < 0 ? 0 : (size_t)length);
  if (end > sizeof line - 2) end = sizeof line - 2;
  for (size_t i = 0; i < end; i++) if (line[i] == '\n') line[i] = ' ';
  line[end++] = '\n';
  if (write(TELL_FD, line, end) < 0) _exit(74);
}

void tell_failure(const char *what, const char *about)
{
  const char *why = strerrorname_np(errno);
  tell("error %s%s%s: %s (%s)", what, *about ? " " : "", about, why ? why : "?", strerror(errno));
}
