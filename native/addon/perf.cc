#include "perf.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "failure.h"

namespace {

constexpr const char *kSection = "tp/";

// Closed when it goes out of scope.
class File {
 public:
  explicit File(long fd) : fd_(static_cast<int>(fd)) {}
  File(const File &) = delete;
  File &operator=(const File &) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// A tracefs that nobody else sees; only for who may mount.
int mount_apart() {
  const File context(syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC));
  if (context.fd() < 0 || syscall(SYS_fsconfig, context.fd(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return -1;
  return static_cast<int>(syscall(SYS_fsmount, context.fd(), FSMOUNT_CLOEXEC, 0));
}

// The kernel's number of a tracepoint, CATEGORY/NAME: negative, an errno, where it cannot be had.
long read_id(const std::string &tracepoint) {
  const std::string inside = "events/" + tracepoint + "/id";
  int fd = open(("/sys/kernel/tracing/" + inside).c_str(), O_RDONLY | O_CLOEXEC);
  const int error = errno;
  if (fd < 0) {
    const File root(mount_apart());
    if (root.fd() >= 0) fd = openat(root.fd(), inside.c_str(), O_RDONLY | O_CLOEXEC);
  }
  const File file(fd);
  char digits[16] = {};
  if (file.fd() < 0) return -error;
  return read(file.fd(), digits, sizeof digits - 1) > 0 ? strtol(digits, nullptr, 10) : -EIO;
}

// Some processor must be named; the programs run on all. Not counting itself: it costs nothing beside them.
long open_event(long id) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.size = sizeof attributes;
  attributes.config = static_cast<__u64>(id);
  attributes.disabled = 1;
  return syscall(SYS_perf_event_open, &attributes, -1, sched_getcpu(), -1, PERF_FLAG_FD_CLOEXEC);
}

}  // namespace

bool preempts_programs(const btf *types) {
  // The type of the guard, which nothing else uses.
  return types != nullptr && btf__find_by_name_kind(types, "class_srcu_fast_notrace_t", BTF_KIND_TYPEDEF) > 0;
}

std::string perf_obstacle() {
  const long id = read_id("sched/sched_process_exec");
  if (id < 0) return std::string("/sys/kernel/tracing cannot be read: ") + strerror(static_cast<int>(-id));
  const File event(open_event(id));
  return event.fd() < 0 ? std::string("perf_event_open: ") + strerror(errno) : "";
}

bpf_link *attach_to_perf(bpf_program *program) {
  LogCapture log;
  const std::string name = bpf_program__name(program);
  const long id = read_id(bpf_program__section_name(program) + strlen(kSection));
  if (id < 0) throw Failure{"attach", static_cast<int>(-id), name + ": its tracepoint has no id"};
  File event(open_event(id));
  if (event.fd() < 0) throw Failure{"attach", errno, name + ": perf_event_open"};
  bpf_link *link = bpf_program__attach_perf_event(program, event.fd());
  if (link == nullptr) throw Failure{"attach", errno, name + ": " + log.take()};
  // libbpf has enabled it: it would count what it sees on its processor.
  ioctl(event.fd(), PERF_EVENT_IOC_DISABLE, 0);
  event.release();  // the link's now
  return link;
}
