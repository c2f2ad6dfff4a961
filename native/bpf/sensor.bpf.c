// The kernel side of the ebpf source: one object, one ring. The loader switches off the programs that nobody needs.
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "records.h"
#include "shared.h"
#include "read.h"
#include "emit.h"
#include "identity.h"
#include "state.h"
#include "scope.h"
#include "path.h"
#include "image.h"
#include "long.h"
#include "process.h"
#include "scan.h"
#include "registers.h"
#include "filter.h"
#include "open.h"
#include "quick.h"
#include "data.h"
#include "ends.h"
#include "role.h"
#include "socket.h"
#include "descriptors.h"
#include "calls.h"
#include "uring.h"
#include "perf.h"

char LICENSE[] SEC("license") = "GPL";
