// churn FOLDER SEED [MIX]: opens, forks and execs at random from a line `go` on standard input until a line `end`, then says
// what it did: `opens N watched N forks N execs N`. Linked statically, it makes no other call of these kinds. MIX, of letters
// o (open a file), w (open a watched one), f (fork), x (fork and exec), s (sleep a little): each as likely as it is frequent.
// Without a MIX there are bursts of opens too.
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BURST 20000

static uint64_t state;
static char *self, *folder;
static unsigned long opens, watched, forks, execs;

// xorshift64: the same actions for the same seed.
static uint64_t draw(uint64_t below)
{
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % below;
}

static void open_one(const char *kind, unsigned long *count)
{
  char path[4096];
  snprintf(path, sizeof path, "%s/%s-%llu", folder, kind, (unsigned long long)draw(1000));
  int fd = open(path, O_RDONLY | O_CREAT, 0600);
  if (fd < 0) _exit(3);
  close(fd);
  ++*count;
}

static void fork_one(int execute)
{
  pid_t child = fork();
  if (child < 0) _exit(3);
  if (child == 0) {
    if (execute) execl(self, self, "leaf", (char *)0);
    _exit(execute ? 3 : 0);
  }
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) _exit(3);
  forks++;
  execs += execute;
}

static void act(char what)
{
  switch (what) {
  case 'o': open_one("dull", &opens); return;
  case 'w': open_one("watched", &watched); return;
  case 'f': fork_one(0); return;
  case 'x': fork_one(1); return;
  default: usleep(draw(20000)); return;
  }
}

int main(int count, char **words)
{
  if (count == 2 && strcmp(words[1], "leaf") == 0) return 0;
  if (count < 3) return 2;
  self = words[0];
  folder = words[1];
  state = strtoull(words[2], NULL, 0) | 1;
  const char *mix = count > 3 ? words[3] : "ooooooooowwwwwwwwwfffxxxssssssss";
  char line[16];
  if (!fgets(line, sizeof line, stdin)) return 2;
  struct pollfd end = { .fd = 0, .events = POLLIN };
  unsigned long rounds = 0;
  while (poll(&end, 1, 0) == 0) {
    for (int i = 0; i < 64; i++) act(mix[draw(strlen(mix))]);
    for (int i = 0; count == 3 && rounds % 8 == 0 && i < BURST; i++) open_one("watched", &watched);
    rounds++;
  }
  printf("opens %lu watched %lu forks %lu execs %lu\n", opens + watched, watched, forks, execs);
  return 0;
}
