// Small things that Node does not offer.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

// Sends one datagram to a Unix socket, and waits for room there if it may; a path that begins with @ is an abstract one. 0, or what is wrong.
int send_datagram(const std::string &path, const void *bytes, size_t length, bool wait);
// sd_notify(3): one datagram to $NOTIFY_SOCKET. False when the variable is not set or nobody listens.
bool notify_systemd(const std::string &state);
// CLOCK_REALTIME - CLOCK_BOOTTIME in ns.
int64_t boot_offset_ns();
