// What the running kernel says of its types.
#pragma once
#include <memory>

#include <bpf/btf.h>

struct TypesDeleter {
  void operator()(btf *types) const { btf__free(types); }
};
using Types = std::unique_ptr<btf, TypesDeleter>;

// Null where the kernel does not describe them. Some megabytes: not to be kept.
inline Types kernel_types() { return Types(btf__load_vmlinux_btf()); }
