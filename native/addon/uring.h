// Whether what goes through io_uring can be seen on the running kernel, by the types that it describes.
#pragma once
#include <string>

struct UringSupport {
  bool traceable;
  std::string obstacle;  // why not; empty when the kernel has no io_uring, so that there is nothing to see
};

UringSupport uring_support();
