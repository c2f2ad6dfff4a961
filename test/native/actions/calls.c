#include "actions.h"
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

// sys NUMBER WORD ...: any call. A word is a number, or what a pointer is to lead to: 'text, in:PORT and in6:PORT, of this
// machine or behind an @ of another address, un:PATH, unspec (no address), unspec:PORT (one without a family), msg:PORT (a message to there), mmsg:PORT (two,
// "one" and "three"), vec:TEXT (two buffers: three letters, and the rest), buf (64 bytes), len (128 as an int); $ is what the last call returned. sys32: the same by the 32-bit door, with numbers, 'text, vec:TEXT, msg:TEXT
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
  const char *at = strchr(word, '@');
  if (!strncmp(word, "in:", 3)) {
    in = loopback(atoi(word + 3));
    if (at) inet_pton(AF_INET, at + 1, &in.sin_addr);
    return (long)&in;
  }
  if (!strncmp(word, "unspec", 6)) {
    in = word[6] ? loopback(atoi(word + 7)) : (struct sockaddr_in){ 0 };
    in.sin_family = AF_UNSPEC;
    return (long)&in;
  }
  if (!strncmp(word, "in6:", 4)) {
    in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(atoi(word + 4)) };
    in6.sin6_addr = in6addr_loopback;
    if (at) inet_pton(AF_INET6, at + 1, &in6.sin6_addr);
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

static long any_call32(void)
{
  long a[5] = { 0 };
  for (int i = 0; i < 5 && words[i + 2]; i++) a[i] = argument32(words[i + 2]);
  return call32(number(1), a[0], a[1], a[2], a[3], a[4]);
}

struct uring {
  int fd;
  unsigned *tail, *array, *head; // of what is submitted; of what has completed
  unsigned mask, completed_mask, *completed_tail;
  void *both; // rings
  size_t size, entries_size;
  struct io_uring_sqe *entries;
  struct io_uring_cqe *completions;
};

static bool open_uring(struct uring *u, unsigned flags, unsigned entries)
{
  struct io_uring_params p = { .flags = flags | IORING_SETUP_CQSIZE, .cq_entries = entries, .sq_thread_idle = 50 };
  u->fd = syscall(SYS_io_uring_setup, entries, &p);
  if (u->fd < 0) return false;
  u->size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
  size_t room = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  if (u->size < room) u->size = room;
  u->entries_size = p.sq_entries * sizeof *u->entries;
  int shared = MAP_SHARED | MAP_POPULATE;
  char *both = u->both = mmap(0, u->size, PROT_READ | PROT_WRITE, shared, u->fd, IORING_OFF_SQ_RING);
  u->entries = mmap(0, u->entries_size, PROT_READ | PROT_WRITE, shared, u->fd, IORING_OFF_SQES);
  u->tail = (void *)(both + p.sq_off.tail);
  u->array = (void *)(both + p.sq_off.array);
  u->mask = p.sq_entries - 1;
  u->head = (void *)(both + p.cq_off.head);
  u->completed_tail = (void *)(both + p.cq_off.tail);
  u->completed_mask = p.cq_entries - 1;
  u->completions = (void *)(both + p.cq_off.cqes);
  return true;
}

static void close_uring(struct uring *u)
{
  munmap(u->entries, u->entries_size);
  munmap(u->both, u->size);
  close(u->fd);
}

static struct io_uring_sqe *next_entry(struct uring *u)
{
  unsigned at = *u->tail & u->mask;
  u->array[at] = at;
  return memset(&u->entries[at], 0, sizeof u->entries[at]);
}

// Submits that entry, and waits for so many completions.
static void submit_entry(struct uring *u, unsigned flags, unsigned wait)
{
  __atomic_store_n(u->tail, *u->tail + 1, __ATOMIC_RELEASE);
  syscall(SYS_io_uring_enter, u->fd, 1, wait, flags | IORING_ENTER_GETEVENTS, NULL, 0);
}

static long next_result(struct uring *u)
{
  if (*u->head == __atomic_load_n(u->completed_tail, __ATOMIC_ACQUIRE))
    syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  return u->completions[(*u->head)++ & u->completed_mask].res;
}

// uring plain|async|sqpoll OPCODE FD ADDR LEN OFF FLAGS [SQE_FLAGS [FILE_INDEX]]: one request, words as for sys. Answers with its
// result; without a completion (IOSQE_CQE_SKIP_SUCCESS) with 0.
static long through_uring(void)
{
  struct uring u;
  if (!open_uring(&u, words[1][0] == 's' ? IORING_SETUP_SQPOLL : 0, 4)) return -errno;
  struct io_uring_sqe *sqe = next_entry(&u);
  sqe->opcode = number(2);
  sqe->fd = argument(words[3]);
  sqe->addr = argument(words[4]);
  sqe->len = argument(words[5]);
  sqe->off = argument(words[6]);
  sqe->open_flags = argument(words[7]);
  sqe->flags = number(8) | (words[1][0] == 'a' ? IOSQE_ASYNC : 0);
  if (count > 9) sqe->file_index = number(9);
  int silent = sqe->flags & IOSQE_CQE_SKIP_SUCCESS;
  submit_entry(&u, words[1][0] == 's' ? IORING_ENTER_SQ_WAKEUP : 0, silent ? 0 : 1);
  // To close the ring would cancel what nobody can be seen to wait for.
  if (silent) usleep(100000);
  last = silent ? 0 : next_result(&u);
  close_uring(&u);
  return last;
}

// uring-full plain|async COUNT OPCODE FD ADDR LEN OFF FLAGS: in a child, so many of them at once, when nothing more fits among
// the completions. Answers with what went wrong, 0 if nothing did.
static long overflow_uring(void)
{
  pid_t pid = fork();
  if (pid == 0) {
    struct uring u;
    unsigned many = number(2);
    if (!open_uring(&u, 0, many)) _exit(1);
    unsigned room = u.completed_mask + 1;
    for (unsigned i = 0; i < room + many; i++) {
      struct io_uring_sqe *sqe = next_entry(&u);
      __atomic_store_n(u.tail, *u.tail + 1, __ATOMIC_RELEASE);
      if (i == room - 1 && syscall(SYS_io_uring_enter, u.fd, room, 0, 0, NULL, 0) != room) _exit(2);
      if (i < room) continue; // IORING_OP_NOP
      sqe->opcode = number(3);
      sqe->fd = argument(words[4]);
      sqe->addr = argument(words[5]);
      sqe->len = argument(words[6]);
      sqe->off = argument(words[7]);
      sqe->open_flags = argument(words[8]);
      sqe->flags = words[1][0] == 'a' ? IOSQE_ASYNC : 0;
    }
    if (syscall(SYS_io_uring_enter, u.fd, many, 0, 0, NULL, 0) != many) _exit(3);
    usleep(100000); // what is asynchronous would be cancelled
    _exit(0);
  }
  return wait_for(pid);
}

// Accepts again and again; `given`: its number in the ring, `slot`: where the descriptors go, 0 for those of the process.
static void submit_accept(struct uring *u, int fd, long given, unsigned slot, unsigned length)
{
  struct io_uring_sqe *sqe = next_entry(u);
  sqe->opcode = IORING_OP_ACCEPT;
  sqe->fd = fd;
  sqe->len = length;
  sqe->user_data = given;
  sqe->ioprio = IORING_ACCEPT_MULTISHOT;
  sqe->file_index = slot;
  submit_entry(u, 0, 0);
}

static bool is_accepted(struct uring *u, struct sockaddr_in *to)
{
  int client = socket(AF_INET, SOCK_STREAM, 0);
  return !connect(client, (void *)to, sizeof *to) && next_result(u) >= 0;
}

// uring-accepts OTHERS: in a child that ends while it accepts, one request accepts a connection; so many others begin to
// accept; two under the number of the first fail, one that is submitted and one that is refused; the first accepts two more.
// Answers with the port.
static long accept_through_uring(void)
{
  struct sockaddr_in to = loopback(0);
  socklen_t size = sizeof to;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (void *)&to, size) || listen(fd, 5) || getsockname(fd, (void *)&to, &size)) return -errno;
  pid_t pid = fork();
  if (pid == 0) {
    struct uring u;
    if (!open_uring(&u, 0, 4)) _exit(1);
    submit_accept(&u, fd, 7, 0, 0);
    if (!is_accepted(&u, &to)) _exit(2);
    for (long other = 0; other < number(1); other++) submit_accept(&u, fd, 100 + other, 0, 0);
    submit_accept(&u, -1, 7, IORING_FILE_INDEX_ALLOC, 0);
    if (next_result(&u) != -EBADF) _exit(3);
    submit_accept(&u, fd, 7, 0, 1);
    if (next_result(&u) != -EINVAL) _exit(4);
    _exit(is_accepted(&u, &to) && is_accepted(&u, &to) ? 0 : 5);
  }
  close(fd);
  int status = wait_for(pid);
  return status ? -status : ntohs(to.sin_port);
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

long make_call(const char *what)
{
  if (!strcmp(what, "sys")) return any_call();
  if (!strcmp(what, "sys32")) return any_call32();
  if (!strcmp(what, "tag")) return set_tag();
  if (!strcmp(what, "uring")) return through_uring();
  if (!strcmp(what, "uring-full")) return overflow_uring();
  if (!strcmp(what, "uring-accepts")) return accept_through_uring();
  if (!strcmp(what, "sys-apart")) return any_call_apart();
  return NO_SUCH_ACTION;
}
