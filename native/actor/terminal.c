// A terminal of a process's own, as of somebody who has logged in.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "actor.h"

// Both ends stay open, out of the way, as long as the process and what it starts live.
int take_terminal(void)
{
  int unlocked = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0) return -1;
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  if (slave < 0 || setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0) return -1;
  if (fcntl(master, F_DUPFD, TELL_FD + 1) < 0 || fcntl(slave, F_DUPFD, TELL_FD + 1) < 0) return -1;
  close(master);
  close(slave);
  return 0;
}
