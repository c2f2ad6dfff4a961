#include "grace.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "failure.h"

namespace {

class Map {
 public:
  Map(bpf_map_type type, int inner) {
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    if (inner >= 0) options.inner_map_fd = static_cast<__u32>(inner);
    fd_ = bpf_map_create(type, "grace", sizeof(__u32), sizeof(__u32), 1, &options);
    if (fd_ < 0) throw Failure{"grace", errno, ""};
  }
  Map(const Map &) = delete;
  Map &operator=(const Map &) = delete;
  ~Map() { close(fd_); }

  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

// Of all that user space can ask for this alone waits for RCU on every kernel: a map is exchanged in another one
// (maybe_wait_bpf_programs in kernel/bpf/syscall.c). membarrier(2) does not on machines with one processor.
void await_programs() {
  const Map inner(BPF_MAP_TYPE_ARRAY, -1);
  const Map outer(BPF_MAP_TYPE_ARRAY_OF_MAPS, inner.fd());
  const __u32 key = 0;
  const int fd = inner.fd();
  if (bpf_map_update_elem(outer.fd(), &key, &fd, BPF_ANY) != 0) throw Failure{"grace", errno, ""};
}
