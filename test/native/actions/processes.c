#include "actions.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int wait_for(pid_t pid)
{
  int status;
  waitpid(pid, &status, 0);
  return status;
}

// start PROGRAM ...: leaves it running, answers with its pid once it has been executed.
static long start(char **arguments)
{
  int executed[2];
  char end;
  if (pipe2(executed, O_CLOEXEC)) return -errno;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(nowhere, 1);
    execve(arguments[0], arguments, environ);
    _exit(127);
  }
  close(executed[1]);
  if (read(executed[0], &end, 1)) return -EIO;
  close(executed[0]);
  return pid;
}

static long run(char **arguments) { return wait_for(start(arguments)); }

// Copies a program to a memfd, or to a file that is deleted at once, and runs it from the descriptor.
static long run_from_fd(int fd, const char *program)
{
  char buffer[65536];
  int from = open(program, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  while ((got = read(from, buffer, sizeof buffer)) > 0)
    if (write(fd, buffer, got) != got) return -EIO;
  close(from);
  fchmod(fd, 0755);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int readable = open(path, O_RDONLY | O_CLOEXEC);
  close(fd);
  pid_t pid = fork();
  if (pid == 0) {
    fexecve(readable, (char *[]){ "from-fd", NULL }, environ);
    _exit(127);
  }
  close(readable);
  return wait_for(pid);
}

static void *exec_now(void *program)
{
  execve(program, (char *[]){ program, NULL }, environ);
  _exit(127);
}

static void *end_later(void *unused)
{
  usleep(50000);
  syscall(SYS_exit, 5);
  return unused;
}

static void do_nothing(void) {}

// In a child: the action's variants that change what a process is.
static long in_child(void (*prepare)(void), void (*act)(void))
{
  pid_t pid = fork();
  if (pid == 0) {
    prepare();
    act();
    _exit(0);
  }
  return wait_for(pid);
}

static void thread_exec(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, exec_now, words[1]);
  pause();
}
static void leader_ends_first(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, end_later, NULL);
  syscall(SYS_exit, 3);
}
static void *open_now(void *unused)
{
  open(words[1], O_RDONLY);
  return unused;
}
static void *open_later(void *unused)
{
  usleep(50000);
  return open_now(unused);
}
// thread-open PATH: by a second thread. orphan-thread-open PATH: when the first has ended.
static void thread_open(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, open_now, NULL);
  pthread_join(thread, NULL);
}
static void orphan_thread_open(void)
{
  pthread_t thread;
  pthread_create(&thread, NULL, open_later, NULL);
  syscall(SYS_exit, 0);
}

// grow BYTES: takes so much memory, and writes to all of it.
static long grow(long bytes)
{
  void *more = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (more == MAP_FAILED) return -errno;
  memset(more, 1, bytes);
  return 0;
}

static void become_other(void)
{
  prctl(PR_SET_NAME, "renamed");
  if (setresgid(1003, 1004, 1003) || setresuid(1001, 1002, 1001)) _exit(9);
}
static void open_it(void) { open(words[1], O_RDONLY); }
static void look_outside(void)
{
  int top = open("/", O_RDONLY | O_DIRECTORY);
  if (chroot(words[1])) _exit(9);
  openat(top, words[2], O_RDONLY);
}
static void with_terminal(void)
{
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  setsid();
  open(ptsname(master), O_RDWR);
  execve(words[1], (char *[]){ words[1], NULL }, environ);
}
static void leave_orphan(void)
{
  if (fork() == 0) {
    usleep(50000);
    _exit(0);
  }
}

static long stop(pid_t pid)
{
  if (pid <= 1) return -ESRCH; // 0 and -1 would be everybody
  kill(pid, SIGKILL);
  return wait_for(pid);
}

long act_on_processes(const char *what)
{
  if (!strcmp(what, "comm")) return result(prctl(PR_SET_NAME, words[1]));
  if (!strcmp(what, "run")) return run(words + 1);
  if (!strcmp(what, "start")) return start(words + 1);
  if (!strcmp(what, "stop")) return stop(number(1));
  if (!strcmp(what, "execveat")) return result(syscall(SYS_execveat, open(words[1], O_PATH), words[2], NULL, NULL, 0));
  if (!strcmp(what, "run-memfd")) return run_from_fd(memfd_create("payload", 0), words[1]);
  if (!strcmp(what, "run-deleted")) {
    int fd = open(words[2], O_RDWR | O_CREAT, 0700);
    unlink(words[2]);
    return run_from_fd(fd, words[1]);
  }
  if (!strcmp(what, "thread-exec")) return in_child(do_nothing, thread_exec);
  if (!strcmp(what, "leader-ends-first")) return in_child(do_nothing, leader_ends_first);
  if (!strcmp(what, "thread-open")) return in_child(do_nothing, thread_open);
  if (!strcmp(what, "orphan-thread-open")) return in_child(do_nothing, orphan_thread_open);
  if (!strcmp(what, "grow")) return grow(number(1));
  if (!strcmp(what, "open-as-other")) return in_child(become_other, open_it);
  if (!strcmp(what, "look-outside")) return in_child(do_nothing, look_outside);
  if (!strcmp(what, "run-on-terminal")) return in_child(do_nothing, with_terminal);
  if (!strcmp(what, "orphan")) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    long status = in_child(do_nothing, leave_orphan);
    wait(NULL);
    return status;
  }
  return NO_SUCH_ACTION;
}
