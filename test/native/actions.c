// Does what a line on standard input says, one action a line, and answers with one line: the result of the call (a
// descriptor, a status, -errno). The tests trace this process and its children, nothing else.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 16
static char *words[MAX_WORDS + 1];
static int count;
extern char **environ;

static long number(int index) { return index < count ? strtol(words[index], NULL, 0) : 0; }
static long result(long value) { return value == -1 ? -errno : value; }

// arm64 has only the calls that start from a directory.
#ifdef SYS_open
static long plain_open(const char *path, int flags, mode_t mode) { return syscall(SYS_open, path, flags, mode); }
static long plain_creat(const char *path, mode_t mode) { return syscall(SYS_creat, path, mode); }
#else
static long plain_open(const char *path, int flags, mode_t mode) { return syscall(SYS_openat, AT_FDCWD, path, flags, mode); }
static long plain_creat(const char *path, mode_t mode) { return plain_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
#endif

static int wait_for(pid_t pid)
{
  int status;
  waitpid(pid, &status, 0);
  return status;
}

// 32-bit calls from a 64-bit process, with arguments that 32 bits can address.
#if defined(__x86_64__)
static long call32_with_5(long nr, long a, long b, long c, long d, long e)
{
  long value;
  __asm__ volatile("int $0x80"
                   : "=a"(value)
                   : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)value;
}
static long call32(long nr, long a, long b, long c) { return call32_with_5(nr, a, b, c, 0, 0); }
static void *low_memory(const void *from, size_t size)
{
  void *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  return memcpy(low, from, size);
}
#endif

static long open32(const char *path)
{
#if defined(__x86_64__)
  return call32(5, (long)low_memory(path, strlen(path) + 1), O_RDONLY, 0);
#else
  (void)path;
  return -ENOSYS;
#endif
}

static struct sockaddr_in loopback(int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// connect inet|inet6|udp|bad|socketcall PORT
static long connect_inet(const char *how, int port)
{
  struct sockaddr_in address = loopback(port);
  struct sockaddr_in6 address6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
  address6.sin6_addr = in6addr_loopback;
  int six = !strcmp(how, "inet6");
  int type = strcmp(how, "udp") ? SOCK_STREAM : SOCK_DGRAM;
  int fd = !strcmp(how, "bad") ? 999 : socket(six ? AF_INET6 : AF_INET, type, 0);
  long value;
  if (!strcmp(how, "socketcall")) {
#if defined(__x86_64__)
    unsigned arguments[3] = { fd, (unsigned)(long)low_memory(&address, sizeof address), sizeof address };
    value = call32(102, 3, (long)low_memory(arguments, sizeof arguments), 0);
#else
    value = -ENOSYS;
#endif
  } else {
    value = six ? connect(fd, (void *)&address6, sizeof address6) : connect(fd, (void *)&address, sizeof address);
    value = result(value);
  }
  close(fd);
  return value;
}

// A leading @ makes the name abstract, as ss(8) prints it.
static long connect_unix(const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  size_t length = strlen(path);
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + length + (path[0] != '@');
  long value = result(connect(fd, (void *)&address, size));
  close(fd);
  return value;
}

// Answers go to standard output: what a program prints does not.
static int nowhere;

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

// bind PATH: a datagram socket, as systemd's. hear FD TEXT: is TEXT the next datagram?
static long bind_datagram(const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  size_t length = strlen(path);
  memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = 0;
  if (bind(fd, (void *)&address, offsetof(struct sockaddr_un, sun_path) + length)) return -errno;
  return fd;
}

static long hear(int fd, const char *text)
{
  char buffer[256];
  ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  return got == (ssize_t)strlen(text) && !memcmp(buffer, text, got);
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

// pass FD: a descriptor through a socket to itself; answers with the new one.
static long pass(int fd)
{
  int ends[2];
  char byte = 'x', control[CMSG_SPACE(sizeof fd)] = { 0 };
  struct iovec vector = { &byte, 1 };
  struct msghdr message = {
    .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control,
  };
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  *head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd) };
  memcpy(CMSG_DATA(head), &fd, sizeof fd);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || sendmsg(ends[0], &message, 0) < 0) return -errno;
  memset(control, 0, sizeof control);
  if (recvmsg(ends[1], &message, 0) < 0) return -errno;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  close(ends[0]);
  close(ends[1]);
  return fd;
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

static long openat_in(const char *directory, const char *path, int flags, int resolve)
{
  int base = strcmp(directory, "-") ? open(directory, O_PATH | O_DIRECTORY) : AT_FDCWD;
  struct open_how how = { .flags = flags, .mode = flags & O_CREAT ? 0640 : 0, .resolve = resolve < 0 ? 0 : resolve };
  if (resolve < 0) return result(openat(base, path, flags, 0640));
  return result(syscall(SYS_openat2, base, path, &how, sizeof how));
}

// A directory deeper than PATH_MAX, made and entered step by step.
static long descend(int levels, const char *name)
{
  for (int i = 0; i < levels; i++) {
    mkdir(name, 0700);
    if (chdir(name)) return -errno;
  }
  return 0;
}

static long repeat_open(long times, const char *path)
{
  for (long i = 0; i < times; i++) close(open(path, O_RDONLY));
  return times;
}

// sys NUMBER WORD ...: any call. A word is a number, or what a pointer is to lead to: 'text, in:PORT, in6:PORT, un:PATH,
// msg:PORT (a message to there), mmsg:PORT (two, "one" and "three"), vec:TEXT (two buffers: three letters, and the rest), buf (64 bytes), len (128 as an
// int); $ is what the last call returned. sys32: the same by the 32-bit door, with numbers, 'text, vec:TEXT, msg:TEXT
// and mmsg:TEXT (two messages: three letters, and the rest).
static long last;
static long argument(const char *word)
{
  static struct sockaddr_in in;
  static struct sockaddr_in6 in6;
  static struct sockaddr_un un;
  static char buffer[64], letter[1] = "x";
  static struct iovec vector = { letter, 1 };
  static struct msghdr message;
  static int length;
  if (word[0] == '\'') return (long)(word + 1);
  if (word[0] == '$') return last;
  if (!strcmp(word, "buf")) return (long)buffer;
  if (!strcmp(word, "len")) return length = 128, (long)&length;
  if (!strncmp(word, "vec:", 4)) {
    static struct iovec vectors[2];
    vectors[0] = (struct iovec){ strncpy(buffer, word + 4, sizeof buffer), 3 };
    vectors[1] = (struct iovec){ buffer + 3, strlen(word + 4) - 3 };
    return (long)vectors;
  }
  if (!strncmp(word, "in:", 3)) return in = loopback(atoi(word + 3)), (long)&in;
  if (!strncmp(word, "in6:", 4)) {
    in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(atoi(word + 4)) };
    in6.sin6_addr = in6addr_loopback;
    return (long)&in6;
  }
  if (!strncmp(word, "un:", 3)) {
    un.sun_family = AF_UNIX;
    strncpy(un.sun_path, word + 3, sizeof un.sun_path - 1);
    return (long)&un;
  }
  if (!strncmp(word, "msg:", 4)) {
    in = loopback(atoi(word + 4));
    message = (struct msghdr){ .msg_name = &in, .msg_namelen = sizeof in, .msg_iov = &vector, .msg_iovlen = 1 };
    return (long)&message;
  }
  if (!strncmp(word, "mmsg:", 5)) {
    static struct iovec vectors[2];
    static struct mmsghdr messages[2];
    static char texts[2][8];
    in = loopback(atoi(word + 5));
    for (int i = 0; i < 2; i++) {
      strcpy(texts[i], i ? "three" : "one");
      vectors[i] = (struct iovec){ texts[i], strlen(texts[i]) };
      messages[i].msg_hdr =
        (struct msghdr){ .msg_name = &in, .msg_namelen = sizeof in, .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
    return (long)messages;
  }
  return strtoll(word, NULL, 0);
}

// tag: from here on the pointers of sys have a tag, which the processor and the kernel ignore.
static long tag;
static long set_tag(void)
{
  tag = 0x5aL << 56;
  return result(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0));
}

static long any_call(void)
{
  long a[6] = { 0 };
  for (int i = 0; i < 6 && words[i + 2]; i++) {
    bool is_pointer = !strchr("$-0123456789", words[i + 2][0]);
    a[i] = argument(words[i + 2]) | (is_pointer ? tag : 0);
  }
  return last = result(syscall(number(1), a[0], a[1], a[2], a[3], a[4], a[5]));
}

#if defined(__x86_64__)
static long argument32(const char *word)
{
  if (word[0] == '\'') return (long)low_memory(word + 1, strlen(word));
  if (!strncmp(word, "mmsg:", 5)) {
    unsigned text = (long)low_memory(word + 5, strlen(word + 5) + 1);
    unsigned vectors[4] = { text, 3, text + 3, strlen(word + 5) - 3 };
    unsigned low = (long)low_memory(vectors, sizeof vectors);
    unsigned messages[16] = { 0, 0, low, 1, 0, 0, 0, 0, 0, 0, low + 8, 1 };
    return (long)low_memory(messages, sizeof messages);
  }
  if (strncmp(word, "vec:", 4) && strncmp(word, "msg:", 4)) return strtoll(word, NULL, 0);
  unsigned text = (long)low_memory(word + 4, strlen(word + 4) + 1);
  unsigned vectors[4] = { text, 3, text + 3, strlen(word + 4) - 3 };
  unsigned low = (long)low_memory(vectors, sizeof vectors);
  unsigned message[7] = { 0, 0, low, 2 };
  return word[0] == 'v' ? low : (long)low_memory(message, sizeof message);
}
#endif

static long any_call32(void)
{
#if defined(__x86_64__)
  long a[5] = { 0 };
  for (int i = 0; i < 5 && words[i + 2]; i++) a[i] = argument32(words[i + 2]);
  return call32_with_5(number(1), a[0], a[1], a[2], a[3], a[4]);
#else
  return -ENOSYS;
#endif
}

// uring plain|async|sqpoll OPCODE FD ADDR LEN OFF FLAGS [SQE_FLAGS]: one request, words as for sys. Answers with its
// result; without a completion (IOSQE_CQE_SKIP_SUCCESS) with 0.
static long through_uring(void)
{
  struct io_uring_params p = { .flags = words[1][0] == 's' ? IORING_SETUP_SQPOLL : 0, .sq_thread_idle = 50 };
  int ring = syscall(SYS_io_uring_setup, 4, &p);
  if (ring < 0) return -errno;
  size_t size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
  size_t room = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  if (size < room) size = room;
  char *sq = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe *sqe =
    mmap(0, p.sq_entries * sizeof *sqe, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = number(2);
  sqe->fd = argument(words[3]);
  sqe->addr = argument(words[4]);
  sqe->len = argument(words[5]);
  sqe->off = argument(words[6]);
  sqe->open_flags = argument(words[7]);
  sqe->flags = number(8) | (words[1][0] == 'a' ? IOSQE_ASYNC : 0);
  if (count > 9) sqe->file_index = number(9);
  *(unsigned *)(sq + p.sq_off.array) = 0;
  __atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
  int silent = sqe->flags & IOSQE_CQE_SKIP_SUCCESS;
  unsigned enter = IORING_ENTER_GETEVENTS | (words[1][0] == 's' ? IORING_ENTER_SQ_WAKEUP : 0);
  syscall(SYS_io_uring_enter, ring, 1, silent ? 0 : 1, enter, NULL, 0);
  struct io_uring_cqe *cqe = (void *)(sq + p.cq_off.cqes);
  // To close the ring would cancel what nobody can be seen to wait for.
  if (silent) usleep(100000);
  last = silent ? 0 : cqe->res;
  munmap(sqe, p.sq_entries * sizeof *sqe);
  munmap(sq, size);
  close(ring);
  return last;
}

// In a child of its own: what must not be done to this process.
static long any_call_apart(void)
{
  pid_t pid = fork();
  if (pid == 0) {
    any_call();
    _exit(0);
  }
  return wait_for(pid);
}

// race A B TIMES: opens a path again and again while another thread turns it from A to B and back, which differ in
// their last letter. How often it was A.
static char raced[4096];
static volatile int racing;
static void *turn(void *unused)
{
  volatile char *letter = &raced[strlen(words[1]) - 1];
  while (racing) {
    *letter = words[2][strlen(words[2]) - 1];
    for (volatile int i = 0; i < 200; i++) {}
    *letter = words[1][strlen(words[1]) - 1];
    for (volatile int i = 0; i < 200; i++) {}
  }
  return unused;
}

static long race(void)
{
  struct stat wanted, got;
  pthread_t thread;
  long times = 0;
  stat(words[1], &wanted);
  strcpy(raced, words[1]);
  racing = 1;
  pthread_create(&thread, NULL, turn, NULL);
  for (long i = 0; i < number(3); i++) {
    int fd = plain_open(raced, O_RDONLY, 0);
    if (fd < 0) continue;
    if (!fstat(fd, &got) && got.st_ino == wanted.st_ino && got.st_dev == wanted.st_dev) times++;
    close(fd);
  }
  racing = 0;
  pthread_join(thread, NULL);
  return times;
}

static long act(void)
{
  const char *what = words[0];
  if (!strcmp(what, "sys")) return any_call();
  if (!strcmp(what, "sys32")) return any_call32();
  if (!strcmp(what, "tag")) return set_tag();
  if (!strcmp(what, "race")) return race();
  if (!strcmp(what, "uring")) return through_uring();
  if (!strcmp(what, "sys-apart")) return any_call_apart();
  if (!strcmp(what, "comm")) return result(prctl(PR_SET_NAME, words[1]));
  if (!strcmp(what, "open")) return result(plain_open(words[1], number(2), number(3)));
  if (!strcmp(what, "creat")) return result(plain_creat(words[1], 0600));
  if (!strcmp(what, "openat")) return openat_in(words[1], words[2], number(3), -1);
  if (!strcmp(what, "openat2")) return openat_in(words[1], words[2], number(3), number(4));
  if (!strcmp(what, "open32")) return open32(words[1]);
  if (!strcmp(what, "open-null")) return result(plain_open(NULL, O_RDONLY, 0));
  if (!strcmp(what, "opens")) return repeat_open(number(1), words[2]);
  if (!strcmp(what, "fstat")) return result(syscall(SYS_fstat, 0, &(struct stat){ 0 }));
  if (!strcmp(what, "close")) return result(close(number(1)));
  if (!strcmp(what, "connect")) return connect_inet(words[1], number(2));
  if (!strcmp(what, "connect-unix")) return connect_unix(words[1]);
  if (!strcmp(what, "bind")) return bind_datagram(words[1]);
  if (!strcmp(what, "hear")) return hear(number(1), words[2]);
  if (!strcmp(what, "chdir")) return result(chdir(words[1]));
  if (!strcmp(what, "fchdir")) return result(fchdir(number(1)));
  if (!strcmp(what, "descend")) return descend(number(1), words[2]);
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
  if (!strcmp(what, "pass")) return pass(number(1));
  if (!strcmp(what, "open-as-other")) return in_child(become_other, open_it);
  if (!strcmp(what, "look-outside")) return in_child(do_nothing, look_outside);
  if (!strcmp(what, "run-on-terminal")) return in_child(do_nothing, with_terminal);
  if (!strcmp(what, "orphan")) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    long status = in_child(do_nothing, leave_orphan);
    wait(NULL);
    return status;
  }
  return -ENOSYS;
}

int main(void)
{
  static char line[8192];
  setvbuf(stdout, NULL, _IONBF, 0);
  nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  puts("0");
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    count = 0;
    for (char *word = strtok(line, " "); word && count < MAX_WORDS; word = strtok(NULL, " ")) words[count++] = word;
    words[count] = NULL;
    printf("%ld\n", count ? act() : 0);
  }
  return 0;
}
