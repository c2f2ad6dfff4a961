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
constexpr int kTries = 8;

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

// What this process has run out of it lacks for all else, too.
bool is_scarce(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

// The kernel's number of a tracepoint, CATEGORY/NAME: negative, an errno, where it cannot be had.
long read_id(const std::string &tracepoint) {
  const std::string inside = "events/" + tracepoint + "/id";
  int fd = open(("/sys/kernel/tracing/" + inside).c_str(), O_RDONLY | O_CLOEXEC);
  int error = errno;
  if (fd < 0) {
    const File root(mount_apart());
    if (root.fd() >= 0) fd = openat(root.fd(), inside.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && is_scarce(errno)) error = errno;
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
  // The processor may be switched off meanwhile: then we are on another.
  for (int tries = 1;; tries++) {
    const long fd = syscall(SYS_perf_event_open, &attributes, -1, sched_getcpu(), -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0 || errno != ENODEV || tries == kTries) return fd;
  }
}

std::string tracepoint_of(const bpf_program *program) { return bpf_program__section_name(program) + strlen(kSection); }

}  // namespace

bool preempts_programs(const btf *types) {
  // The type of the guard, which nothing else uses.
  return types != nullptr && btf__find_by_name_kind(types, "class_srcu_fast_notrace_t", BTF_KIND_TYPEDEF) > 0;
}

std::string perf_obstacle(const bpf_program *program) {
  const std::string tracepoint = tracepoint_of(program);
  const long id = read_id(tracepoint);
  const File event(id < 0 ? -1 : open_event(id));
  if (event.fd() >= 0) return "";
  const int error = id < 0 ? static_cast<int>(-id) : errno;
  if (is_scarce(error)) throw Failure{"attach", error, tracepoint};
  const char *what = id < 0 ? "/sys/kernel/tracing cannot be read" : "perf_event_open";
  return std::string(what) + ": " + strerror(error) + " (" + tracepoint + ")";
}

bpf_link *attach_to_perf(bpf_program *program) {
  LogCapture log;
  const std::string name = bpf_program__name(program);
  const long id = read_id(tracepoint_of(program));
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
