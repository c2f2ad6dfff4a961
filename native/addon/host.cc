#include "host.h"

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int send_datagram(const std::string &path, const void *bytes, size_t length, bool wait) {
  sockaddr_un address{};
  if (path.empty() || (path[0] != '/' && path[0] != '@')) return EINVAL;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = 0;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
  const ssize_t sent = sendto(fd, bytes, length, flags, reinterpret_cast<sockaddr *>(&address), size);
  const int error = sent == static_cast<ssize_t>(length) ? 0 : errno;
  close(fd);
  return error;
}

bool notify_systemd(const std::string &state) {
  const char *path = getenv("NOTIFY_SOCKET");
  return path != nullptr && send_datagram(path, state.data(), state.size(), true) == 0;
}

int64_t boot_offset_ns() {
  const auto now = [](clockid_t clock) {
    timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
  };
  // The narrowest of a few brackets: a reading may be interrupted between the clocks.
  int64_t best = 0, width = LLONG_MAX;
  for (int i = 0; i < 8; i++) {
    const int64_t before = now(CLOCK_REALTIME), boot = now(CLOCK_BOOTTIME), after = now(CLOCK_REALTIME);
    if (after - before >= width) continue;
    width = after - before;
    best = before + width / 2 - boot;
  }
  return best;
}
