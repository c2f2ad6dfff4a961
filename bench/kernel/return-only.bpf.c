// The least that a program on sys_exit can do: the floor that every other is compared with.
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sys_exit")
int BPF_PROG(return_only, struct pt_regs *regs, long ret)
{
  return 0;
}
