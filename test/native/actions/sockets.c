#include "actions.h"
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sockaddr_in loopback(int port)
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
    unsigned arguments[3] = { fd, (unsigned)(long)low_memory(&address, sizeof address), sizeof address };
    value = call32(102, 3, (long)low_memory(arguments, sizeof arguments), 0, 0, 0);
  } else {
    value = six ? connect(fd, (void *)&address6, sizeof address6) : connect(fd, (void *)&address, sizeof address);
    value = result(value);
  }
  close(fd);
  return value;
}

// The address of a path, and its size; a leading @ makes the name abstract, as ss(8) prints it.
static socklen_t unix_address(struct sockaddr_un *address, const char *path)
{
  size_t length = strlen(path);
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  memcpy(address->sun_path, path, length);
  if (path[0] == '@') address->sun_path[0] = 0;
  return offsetof(struct sockaddr_un, sun_path) + length;
}

static long connect_unix(const char *path)
{
  struct sockaddr_un address;
  // With the zero that ends a path.
  socklen_t size = unix_address(&address, path) + (path[0] != '@');
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  long value = result(connect(fd, (void *)&address, size));
  close(fd);
  return value;
}

// bind PATH: a datagram socket, as systemd's. hear FD TEXT: is TEXT the next datagram?
static long bind_datagram(const char *path)
{
  struct sockaddr_un address;
  socklen_t size = unix_address(&address, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  return bind(fd, (void *)&address, size) ? -errno : fd;
}

static long hear(int fd, const char *text)
{
  char buffer[256];
  ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  return got == (ssize_t)strlen(text) && !memcmp(buffer, text, got);
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

long act_on_sockets(const char *what)
{
  if (!strcmp(what, "connect")) return connect_inet(words[1], number(2));
  if (!strcmp(what, "connect-unix")) return connect_unix(words[1]);
  if (!strcmp(what, "bind")) return bind_datagram(words[1]);
  if (!strcmp(what, "hear")) return hear(number(1), words[2]);
  if (!strcmp(what, "pass")) return pass(number(1));
  return NO_SUCH_ACTION;
}
