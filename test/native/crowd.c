// TURNS: on one processor some threads make system calls and start programs all the time; so often another one, which goes
// before all of them, wakes up in the midst of that and does the same. Says its pid and waits for a line; says then how often
// unlinkat was called and a program was started, and ends with its input.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLERS 2
#define CALLS 20
#define PAUSE_NS 400000

static atomic_long calls, execs;
static atomic_bool over;
static char *self;

static void call(void)
{
  unlinkat(AT_FDCWD, "/no/such/folder/with/a/file/that/is/not/there", 0);
  calls++;
}

static void start(void)
{
  pid_t child;
  if (posix_spawn(&child, self, NULL, NULL, (char *[]){ self, NULL }, (char *[]){ NULL }) != 0) exit(1);
  waitpid(child, NULL, 0);
  execs++;
}

static void *call_on(void *unused)
{
  while (!over) call();
  return unused;
}

static void *start_on(void *unused)
{
  while (!over) start();
  return unused;
}

static void come_between(long turns)
{
  struct sched_param first = { .sched_priority = 1 };
  sched_setscheduler(0, SCHED_FIFO, &first); // where it may not, it comes between others less often
  for (long turn = 0; turn < turns; turn++) {
    // Each time at another moment of what the others do.
    struct timespec pause = { .tv_nsec = PAUSE_NS + turn * 997 % 50000 };
    nanosleep(&pause, NULL);
    for (int i = 0; i < CALLS; i++) call();
    if (turn % 20 == 0) start();
  }
  over = 1;
}

int main(int argc, char **argv)
{
  if (argc < 2) return 0; // the program that is started
  self = argv[0];
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  char line[8];
  printf("%d\n", getpid());
  fflush(stdout);
  if (!fgets(line, sizeof line, stdin)) return 1;
  pthread_t others[CALLERS + 1];
  for (int i = 0; i < CALLERS; i++) pthread_create(&others[i], NULL, call_on, NULL);
  pthread_create(&others[CALLERS], NULL, start_on, NULL);
  come_between(atol(argv[1]));
  for (int i = 0; i <= CALLERS; i++) pthread_join(others[i], NULL);
  printf("%ld %ld\n", (long)calls, (long)execs);
  fflush(stdout);
  return fgets(line, sizeof line, stdin) != NULL;
}
