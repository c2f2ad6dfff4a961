// The steps of a test: system calls, each with exactly the arguments that the plan gives.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actor.h"

static int opened[MAX_MADE], opened_count;
static char *made[MAX_MADE];
static int made_count;

// Removed when the steps are undone, if it was not there before.
static void unlink_if_made(int folder, const char *path)
{
  struct stat stat;
  if (fstatat(folder, path, &stat, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT || made_count == MAX_MADE) return;
  made[made_count++] = folder == AT_FDCWD || *path == '/' ? strdup(path) : format("/proc/self/fd/%d/%s", folder, path);
}

void undo_steps(void)
{
  while (made_count > 0) unlink(made[--made_count]);
  while (opened_count > 0) close(opened[--opened_count]);
}

// Bytes as pairs of hex digits: texts of a plan hold no zero.
static unsigned char *bytes_of(const struct line *line, const char *key, size_t *length)
{
  const char *text = value_of(line, key, "");
  *length = strlen(text) / 2;
  unsigned char *bytes = allocate(*length + 1);
  for (size_t i = 0; i < *length; i++) {
    char pair[3] = { text[2 * i], text[2 * i + 1], 0 };
    bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
  }
  return bytes;
}

static long on_buffer(const struct line *line, long call, long fd, long wanted)
{
  size_t length;
  unsigned char *bytes = bytes_of(line, "buffer", &length);
  size_t count = wanted < 0 ? (length > 0 || call == SYS_write ? length : 1) : (size_t)wanted;
  if (count > length) {
    unsigned char *larger = allocate(count + 1);
    memcpy(larger, bytes, length);
    bytes = larger;
  }
  return syscall(call, fd, bytes, count);
}

static long to_address(const struct line *line, const char *key, long call, long fd, long flags, long wanted)
{
  struct sockaddr_storage address;
  socklen_t length = parse_address(value_of(line, key, ""), &address);
  if (length == 0) {
    errno = EINVAL;
    return -1;
  }
  if (call == SYS_connect) return syscall(call, fd, &address, length);
  size_t count;
  unsigned char *bytes = bytes_of(line, "buf", &count);
  if (wanted >= 0 && (size_t)wanted < count) count = (size_t)wanted;
  return syscall(call, fd, bytes, count, flags, &address, length);
}

static long load_module(const struct line *line)
{
  size_t length;
  unsigned char *image = bytes_of(line, "moduleImage", &length);
  return syscall(SYS_init_module, image, length, value_of(line, "paramValues", ""));
}

static long open_how(int folder, const char *path, long flags, long mode, long resolve)
{
  struct open_how how = { .flags = (uint64_t)flags, .mode = (uint64_t)mode, .resolve = (uint64_t)resolve };
  return syscall(SYS_openat2, folder, path, &how, sizeof how);
}

// These calls exist on older architectures only; where a call does not, `absent` tells.
#ifndef SYS_open
#define SYS_open -1
#define SYS_symlink -1
#define SYS_link -1
#define SYS_dup2 -1
#endif

static long perform(const struct line *line, const char *call, bool *is_descriptor)
{
  long fd, flags, mode, resolve, length, other, dir;
  const char *path = value_of(line, "pathname", ""), *target = value_of(line, "target", "");
  const char *link_path = value_of(line, "linkPath", ""), *old_path = value_of(line, "oldPath", ""),
             *new_path = value_of(line, "newPath", "");
  if (!number_of(line, "fd", -1, &fd) || !number_of(line, "flags", 0, &flags) || !number_of(line, "mode", 0, &mode) ||
      !number_of(line, "resolve", 0, &resolve) || !number_of(line, "len", -1, &length)) {
    errno = 0;
    return -1;
  }
#define IS(name) (strcmp(call, name) == 0)
#define NUMBER(into, key, absent) \
  if (!number_of(line, key, absent, &into)) { \
    errno = 0; \
    return -1; \
  }
  if (IS("write")) return on_buffer(line, SYS_write, fd, length);
  if (IS("read")) return on_buffer(line, SYS_read, fd, length);
  if (IS("open") || IS("openat") || IS("openat2")) {
    NUMBER(dir, "dirFd", AT_FDCWD)
    *is_descriptor = true;
    if (flags & O_CREAT) unlink_if_made((int)dir, path);
    if (IS("open")) return syscall(SYS_open, path, flags, mode);
    return IS("openat") ? syscall(SYS_openat, dir, path, flags, mode) : open_how((int)dir, path, flags, mode, resolve);
  }
  if (IS("symlink") || IS("symlinkat")) {
    NUMBER(dir, "newDirFd", AT_FDCWD)
    unlink_if_made((int)dir, link_path);
    return IS("symlink") ? syscall(SYS_symlink, target, link_path) : syscall(SYS_symlinkat, target, dir, link_path);
  }
  if (IS("link") || IS("linkat")) {
    NUMBER(other, "oldDirFd", AT_FDCWD)
    NUMBER(dir, "newDirFd", AT_FDCWD)
    unlink_if_made((int)dir, new_path);
    return IS("link") ? syscall(SYS_link, old_path, new_path)
                      : syscall(SYS_linkat, other, old_path, dir, new_path, flags);
  }
  if (IS("init_module")) return load_module(line);
  if (IS("finit_module")) return syscall(SYS_finit_module, fd, value_of(line, "paramValues", ""), flags);
  if (IS("dup") || IS("dup2") || IS("dup3")) {
    NUMBER(other, "oldFd", -1)
    NUMBER(dir, "newFd", -1)
    *is_descriptor = IS("dup") || dir > 2;
    if (IS("dup")) return syscall(SYS_dup, other);
    return IS("dup2") ? syscall(SYS_dup2, other, dir) : syscall(SYS_dup3, other, dir, flags);
  }
  if (IS("connect")) return to_address(line, "address", SYS_connect, fd, 0, -1);
  if (IS("sendto")) return to_address(line, "destAddr", SYS_sendto, fd, flags, length);
  if (IS("socket")) {
    NUMBER(other, "domain", 0)
    NUMBER(dir, "type", 0)
    NUMBER(mode, "protocol", 0)
    *is_descriptor = true;
    return syscall(SYS_socket, other, dir, mode);
  }
  if (IS("kill")) {
    NUMBER(other, "pid", 0)
    NUMBER(mode, "sig", 0)
    return syscall(SYS_kill, other, mode);
  }
  if (perform_call(line, call, &other)) {
    *is_descriptor = IS("userfaultfd") || IS("accept4");
    return other;
  }
  errno = ENOSYS;
  return -1;
}

bool perform_step(const struct line *line)
{
  const char *call = value_of(line, "syscall", "");
  bool is_descriptor = false;
  long result = perform(line, call, &is_descriptor);
  if (result < 0) {
    // An attempt may be all that a rule looks at.
    if (errno != 0 && strcmp(value_of(line, "mayFail", "no"), "yes") == 0) return true;
    if (errno != 0) tell_failure(format("step %s:", line->name), call);
    return false;
  }
  if (is_descriptor && opened_count < MAX_MADE) opened[opened_count++] = (int)result;
  bind_value(line->name, "ret", result);
  return true;
}
