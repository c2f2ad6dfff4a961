#include "actions.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>

// arm64 has only the calls that start from a directory.
#ifdef SYS_open
long plain_open(const char *path, int flags, mode_t mode) { return syscall(SYS_open, path, flags, mode); }
static long plain_creat(const char *path, mode_t mode) { return syscall(SYS_creat, path, mode); }
#else
long plain_open(const char *path, int flags, mode_t mode) { return syscall(SYS_openat, AT_FDCWD, path, flags, mode); }
static long plain_creat(const char *path, mode_t mode) { return plain_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
#endif

static long open32(const char *path)
{
  return call32(5, (long)low_memory(path, strlen(path) + 1), O_RDONLY, 0, 0, 0);
}

static long openat_in(const char *directory, const char *path, int flags, int resolve)
{
  int base = strcmp(directory, "-") ? open(directory, O_PATH | O_DIRECTORY) : AT_FDCWD;
  struct open_how how = { .flags = flags, .mode = flags & O_CREAT ? 0640 : 0, .resolve = resolve < 0 ? 0 : resolve };
  if (resolve < 0) return result(openat(base, path, flags, 0640));
  return result(syscall(SYS_openat2, base, path, &how, sizeof how));
}

// open-by-handle PATH FLAGS: by what the file system knows the file by.
static long open_by_handle(const char *path, int flags)
{
  union { struct file_handle head; char room[sizeof(struct file_handle) + MAX_HANDLE_SZ]; } handle = { 0 };
  int mount, on = open(path, O_RDONLY);
  handle.head.handle_bytes = MAX_HANDLE_SZ;
  name_to_handle_at(AT_FDCWD, path, &handle.head, &mount, 0);
  long fd = result(open_by_handle_at(on, &handle.head, flags));
  close(on);
  return fd;
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

// race-how PATH TIMES: openat2 again and again for reading, while another thread turns that into writing and back. How
// often it was opened for writing.
static struct open_how raced_how;
static void *turn_how(void *unused)
{
  volatile __u64 *flags = &raced_how.flags;
  while (racing) {
    *flags = O_WRONLY;
    for (volatile int i = 0; i < 200; i++) {}
    *flags = O_RDONLY;
    for (volatile int i = 0; i < 200; i++) {}
  }
  return unused;
}

static long race_how(void)
{
  pthread_t thread;
  long written = 0;
  racing = 1;
  pthread_create(&thread, NULL, turn_how, NULL);
  for (long i = 0; i < number(2); i++) {
    int fd = syscall(SYS_openat2, AT_FDCWD, words[1], &raced_how, sizeof raced_how);
    written += (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
    close(fd);
  }
  racing = 0;
  pthread_join(thread, NULL);
  return written;
}

long act_on_files(const char *what)
{
  if (!strcmp(what, "race-how")) return race_how();
  if (!strcmp(what, "race")) return race();
  if (!strcmp(what, "open")) return result(plain_open(words[1], number(2), number(3)));
  if (!strcmp(what, "creat")) return result(plain_creat(words[1], 0600));
  if (!strcmp(what, "openat")) return openat_in(words[1], words[2], number(3), -1);
  if (!strcmp(what, "openat2")) return openat_in(words[1], words[2], number(3), number(4));
  if (!strcmp(what, "open-by-handle")) return open_by_handle(words[1], number(2));
  if (!strcmp(what, "open32")) return open32(words[1]);
  if (!strcmp(what, "open-null")) return result(plain_open(NULL, O_RDONLY, 0));
  if (!strcmp(what, "opens")) return repeat_open(number(1), words[2]);
  if (!strcmp(what, "fstat")) return result(syscall(SYS_fstat, 0, &(struct stat){ 0 }));
  if (!strcmp(what, "close")) return result(close(number(1)));
  if (!strcmp(what, "chdir")) return result(chdir(words[1]));
  if (!strcmp(what, "fchdir")) return result(fchdir(number(1)));
  if (!strcmp(what, "descend")) return descend(number(1), words[2]);
  return NO_SUCH_ACTION;
}
