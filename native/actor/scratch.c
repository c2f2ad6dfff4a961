// A view of the files of a test's own: all are read-only but scratch copies of some folders. The view goes when the last
// process of the test does, whatever has ended it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actor.h"

#define WHOLE_TREE 0x8000  // AT_RECURSIVE

// mount_setattr(2), from Linux 5.12, which C libraries have only lately.
static int make_read_only(const char *path)
{
  struct {
    uint64_t set, clear, propagation, user_namespace;
  } attributes = { .set = 1 };
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
  return (int)syscall(SYS_mount_setattr, AT_FDCWD, path, WHOLE_TREE, &attributes, sizeof attributes);
}

// An overlay over the folder; what is written goes to `store`. The folder by its descriptor: its name may hold commas.
static int copy_folder(const char *folder, const char *store)
{
  struct stat stat;
  int lower = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (lower < 0 || fstat(lower, &stat) < 0) return -1;
  char *upper = format("%s/upper", store), *work = format("%s/work", store);
  if (mkdir(store, 0700) < 0 || mkdir(upper, 0700) < 0 || mkdir(work, 0700) < 0) return -1;
  if (chown(upper, stat.st_uid, stat.st_gid) < 0 || chmod(upper, stat.st_mode & 07777) < 0) return -1;
  char *options = format("lowerdir=/proc/self/fd/%d,upperdir=%s,workdir=%s", lower, upper, work);
  int result = mount("overlay", folder, "overlay", 0, options);
  close(lower);
  return result;
}

// The folder of the program `actor` becomes memory, for programs and for what is written. It is reached by a descriptor,
// and comes to its place again in the end: a copy of the folder above may lie over it.
int own_files(const char *actor, char **folders)
{
  char *home = strdup(actor);
  *strrchr(home, '/') = 0;
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || make_read_only("/") < 0 ||
      mount("tmpfs", home, "tmpfs", 0, "mode=0755,size=256m") < 0 || copy_file("/proc/self/exe", actor) < 0) {
    tell_failure("making files read-only", "");
    return -1;
  }
  int memory = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (int i = 0; folders[i]; i++) {
    if (copy_folder(folders[i], format("/proc/self/fd/%d/scratch.%d", memory, i)) == 0) continue;
    tell_failure("making a scratch copy of", folders[i]);
    return -1;
  }
  int result = mount(format("/proc/self/fd/%d", memory), home, NULL, MS_BIND, NULL);
  if (result < 0) tell_failure("making a folder for programs:", home);
  close(memory);
  return result;
}
