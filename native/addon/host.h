// Two small things that Node does not offer.
#pragma once
#include <cstdint>
#include <string>

// sd_notify(3): one datagram to $NOTIFY_SOCKET. False when the variable is not set or nobody listens.
bool notify_systemd(const std::string &state);
// CLOCK_REALTIME - CLOCK_BOOTTIME in ns.
int64_t boot_offset_ns();
