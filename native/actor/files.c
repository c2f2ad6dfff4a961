// Files and folders that tests need, and their removal.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor.h"

struct made {
  char *path;
  struct made *before;
};

static struct made *last;

void remove_later(const char *path)
{
  struct made *made = allocate(sizeof *made);
  made->path = strdup(path);
  made->before = last;
  last = made;
}

// From the last to the first. What others have put into a folder meanwhile keeps it.
void undo_files(void)
{
  for (; last; last = last->before) {
    if (unlink(last->path) < 0 && errno == EISDIR) rmdir(last->path);
  }
}

int make_parents(const char *path)
{
  char *folder = strdup(path);
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    if (mkdir(folder, 0755) == 0) remove_later(folder);
    else if (errno != EEXIST) return -1;
    *slash = '/';
  }
  free(folder);
  return 0;
}

int copy_file(const char *from, const char *to)
{
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return -1;
  int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  if (out < 0) {
    close(in);
    return -1;
  }
  ssize_t copied;
  do copied = sendfile(out, in, NULL, 1 << 20);
  while (copied > 0);
  // Whatever the mask of new files is.
  if (copied == 0) copied = fchmod(out, 0755);
  close(in);
  close(out);
  return (int)copied;
}
