// A network of a test's own: any address can be reached in it, and none of it leaves the machine.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"

static int add_v4(int fd, const char *text, int alias)
{
  struct ifreq request = { 0 };
  snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%d", alias);
  struct sockaddr_in *address = (struct sockaddr_in *)&request.ifr_addr;
  address->sin_family = AF_INET;
  if (inet_pton(AF_INET, text, &address->sin_addr) != 1) return 0;
  // 127.0.0.0/8 is there.
  if (ntohl(address->sin_addr.s_addr) >> 24 == 127 || address->sin_addr.s_addr == 0) return 0;
  if (ioctl(fd, SIOCSIFADDR, &request) < 0) return -1;
  address->sin_addr.s_addr = INADDR_BROADCAST;
  return ioctl(fd, SIOCSIFNETMASK, &request);
}

// The kernel takes a new address into use in a worker of its own, some time later: until then nothing can be bound to it.
static int bound_in_time(int fd, const struct in6_addr *to)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = *to };
  struct timespec pause = { .tv_nsec = 1000000 };
  for (int tries = 0; bind(fd, (void *)&address, sizeof address) < 0; tries++) {
    if (errno != EADDRNOTAVAIL || tries == 2000) return -1;
    nanosleep(&pause, NULL);
  }
  return 0;
}

static int add_v6(const char *text, int device)
{
  struct in6_ifreq request = { .ifr6_prefixlen = 128, .ifr6_ifindex = device };
  if (inet_pton(AF_INET6, text, &request.ifr6_addr) != 1) return 0;
  if (IN6_IS_ADDR_LOOPBACK(&request.ifr6_addr) || IN6_IS_ADDR_UNSPECIFIED(&request.ifr6_addr)) return 0;
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int result = ioctl(fd, SIOCSIFADDR, &request);
  if (result == 0) result = bound_in_time(fd, &request.ifr6_addr);
  close(fd);
  return result;
}

int own_network(char **addresses)
{
  if (unshare(CLONE_NEWNET) < 0) return -1;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct ifreq loopback = { .ifr_name = "lo" };
  int result = ioctl(fd, SIOCGIFFLAGS, &loopback);
  loopback.ifr_flags |= IFF_UP;
  if (result == 0) result = ioctl(fd, SIOCSIFFLAGS, &loopback);
  if (result == 0) result = ioctl(fd, SIOCGIFINDEX, &loopback);
  for (int i = 0; result == 0 && addresses[i]; i++) {
    result = strchr(addresses[i], ':') ? add_v6(addresses[i], loopback.ifr_ifindex) : add_v4(fd, addresses[i], i);
  }
  close(fd);
  return result;
}

socklen_t parse_address(const char *text, void *into)
{
  if (strncmp(text, "unix://", 7) == 0) {
    struct sockaddr_un *address = into;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(text + 7) >= sizeof address->sun_path) return 0;
    strcpy(address->sun_path, text + 7);
    return sizeof *address;
  }
  const char *colon = strrchr(text, ':');
  if (!colon) return 0;
  in_port_t port = htons((uint16_t)atoi(colon + 1));
  char host[64] = { 0 };
  bool is_v6 = *text == '[' && colon[-1] == ']';
  size_t length = is_v6 ? (size_t)(colon - text) - 2 : (size_t)(colon - text);
  if (length >= sizeof host) return 0;
  memcpy(host, is_v6 ? text + 1 : text, length);
  if (is_v6) {
    struct sockaddr_in6 *address = into;
    memset(address, 0, sizeof *address);
    address->sin6_family = AF_INET6;
    address->sin6_port = port;
    return inet_pton(AF_INET6, host, &address->sin6_addr) == 1 ? sizeof *address : 0;
  }
  struct sockaddr_in *address = into;
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_port = port;
  return inet_pton(AF_INET, host, &address->sin_addr) == 1 ? sizeof *address : 0;
}
