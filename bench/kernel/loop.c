// Makes the same system call over and over and says what each cost this thread. Pinned to one CPU; in SCHED_FIFO while
// it measures, where that is allowed, so that nothing else runs in between. A line on standard input: OPERATION TIMES;
// the answer: ns of thread CPU time for each. Or: flat-out SECONDS, steady SECONDS, sparse SECONDS: opens the file all the
// time or a thousand times a second, every thousandth time the file named by the third word, or that one ten times a
// second; the answer: how often it opened. Or: beat SECONDS: ten lines a second on descriptor 3, each the time in ns at which
// it was written; the answer: how many.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *path, *marked;
static struct sockaddr_in address = { .sin_family = AF_INET };

static void operation_getppid(void) { syscall(SYS_getppid); }
static void operation_open(void) { close(open(path, O_RDONLY)); }
static void connect_by(int type)
{
  int fd = socket(AF_INET, type, 0);
  connect(fd, (void *)&address, sizeof address);
  close(fd);
}
static void operation_connect(void) { connect_by(SOCK_STREAM); }
static void operation_going_on(void) { connect_by(SOCK_STREAM | SOCK_NONBLOCK); }

static void operation_pwrite(void)
{
  static int fd = -1;
  if (fd < 0) fd = open("/dev/null", O_WRONLY);
  if (pwrite(fd, "x", 1, 0) != 1) exit(1);
}
static void operation_exec(void)
{
  pid_t child = vfork();
  if (child == 0) {
    execl("/proc/self/exe", "loop", (char *)0);
    _exit(1);
  }
  int status;
  waitpid(child, &status, 0);
}

static const struct {
  const char *name;
  void (*run)(void);
  int children; // their time counts too
} operations[] = {
  { "getppid", operation_getppid, 0 },   { "open+close", operation_open, 0 }, { "socket+connect+close", operation_connect, 0 },
  { "connect-in-progress", operation_going_on, 0 },
  { "pwrite", operation_pwrite, 0 },     { "vfork+exec", operation_exec, 1 },
};

static double cpu_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1e9 + now.tv_nsec;
}

static double children_ns(void)
{
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static double measure(void (*operation)(void), long times, int children)
{
  struct sched_param first = { .sched_priority = 1 }, normal = { 0 };
  sched_setscheduler(0, SCHED_FIFO, &first);
  double before = cpu_ns(), born = children_ns();
  for (long i = 0; i < times; i++) operation();
  double spent = cpu_ns() - before + (children ? children_ns() - born : 0);
  sched_setscheduler(0, SCHED_OTHER, &normal);
  return spent / times;
}

static long opens(double seconds, int sparse)
{
  struct timespec now, pause = { .tv_nsec = 100000000 };
  clock_gettime(CLOCK_MONOTONIC, &now);
  double end = now.tv_sec + now.tv_nsec / 1e9 + seconds;
  long count = 0;
  while (now.tv_sec + now.tv_nsec / 1e9 < end) {
    if (sparse) nanosleep(&pause, NULL);
    for (int i = sparse ? 999 : 0; i < 1000; i++, count++) close(open(i == 999 ? marked : path, O_RDONLY));
    clock_gettime(CLOCK_MONOTONIC, &now);
  }
  return count;
}

static long beat(long seconds)
{
  struct timespec now, pause = { .tv_nsec = 100000000 };
  for (long i = 0; i < seconds * 10; i++) {
    nanosleep(&pause, NULL);
    clock_gettime(CLOCK_REALTIME, &now);
    dprintf(3, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  }
  return seconds * 10;
}

static long steady(long seconds)
{
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long i = 1; i <= seconds * 1000; i++) {
    close(open(i % 1000 ? path : marked, O_RDONLY));
    if ((next.tv_nsec += 1000000) >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return seconds * 1000;
}

int main(int argc, char **argv)
{
  if (argc == 1) return 0; // the program that vfork+exec runs
  if (argc < 4) return 2;
  path = argv[1];
  marked = argv[3];
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(atoi(argv[2]), &one);
  sched_setaffinity(0, sizeof one, &one);
  address.sin_port = htons(1); // nobody listens there: refused at once
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setvbuf(stdout, NULL, _IONBF, 0);
  char name[32];
  long times;
  while (scanf("%31s %ld", name, &times) == 2) {
    if (!strcmp(name, "flat-out") || !strcmp(name, "sparse")) {
      printf("%ld\n", opens(times, name[0] == 's'));
      continue;
    }
    if (!strcmp(name, "beat")) {
      printf("%ld\n", beat(times));
      continue;
    }
    if (!strcmp(name, "steady")) {
      printf("%ld\n", steady(times));
      continue;
    }
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
      if (!strcmp(name, operations[i].name)) printf("%.2f\n", measure(operations[i].run, times, operations[i].children));
  }
  return 0;
}
