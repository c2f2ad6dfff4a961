// Passes the lines of its input on, in front of each the wall clock's ns at which it could be read: a reader that waits
// in C adds some 10 us to when a line was written, one in JavaScript that has slept as much again as the program that is measured.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];

int main(void)
{
  size_t have = 0;
  ssize_t came;
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  while ((came = read(0, buffer + have, sizeof buffer - have)) > 0) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    have += came;
    char *line = buffer, *end;
    while ((end = memchr(line, '\n', buffer + have - line))) {
      printf("%lld%09ld %.*s\n", (long long)now.tv_sec, now.tv_nsec, (int)(end - line), line);
      line = end + 1;
    }
    fflush(stdout);
    have = buffer + have - line;
    memmove(buffer, line, have);
  }
  return 0;
}
