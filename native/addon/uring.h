// How what goes through io_uring can be seen on the running kernel, by the types that it describes.
#pragma once
#include <set>
#include <string>

struct btf;

// Programs for one tracepoint each. The form of two has changed over the years: of each two a kernel takes one.
constexpr const char *kUringPrograms[] = {"on_uring_submit", "on_uring_submit_sqe", "on_uring_complete",
                                          "on_uring_complete_numbers", "on_uring_overflow"};

struct UringSupport {
  std::set<std::string> programs;  // that fit this kernel; none: it cannot be seen
  std::string obstacle;  // why not; empty when the kernel has no io_uring, so that there is nothing to see
};

// `types`: null where the kernel does not describe them.
UringSupport uring_support(const btf *types);
