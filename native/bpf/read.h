// Reading memory. The kernel's: plain loads where the kernel offers bpf_rdonly_cast (6.2), the probe helper elsewhere. The
// loader resolves the weak symbol, the verifier prunes the branch that is not taken.
#pragma once

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

#define VIEW(type, pointer) \
  ((struct type *)bpf_rdonly_cast((const void *)(pointer), bpf_core_type_id_kernel(struct type)))

// The same task without the verifier's trust in it: following a pointer from a trusted one makes it search all types of
// the kernel, which is milliseconds of load time for each. Nothing here needs the trust, except where a helper asks for
// a task.
static __always_inline struct task_struct *untrusted(struct task_struct *task)
{
  return bpf_ksym_exists(bpf_rdonly_cast) ? VIEW(task_struct, task) : task;
}

// GET(type, pointer, member): the value of a scalar or pointer member; 0 where the memory is not there.
#define GET(type, pointer, member) ({ \
  struct type *_pointer = (struct type *)(pointer); \
  typeof(_pointer->member) _value; \
  if (bpf_ksym_exists(bpf_rdonly_cast)) _value = VIEW(type, _pointer)->member; \
  else _value = BPF_CORE_READ(_pointer, member); \
  _value; })

// The 64-bit and the 32-bit word at an address: of structs that happen to begin with one.
#define WORD_AT(address) ((__u64)GET(timespec64, address, tv_sec))
#define HALF_WORD_AT(address) ((__u32)GET(upid, address, nr))

// What seldom holds: the code for it stands out of the way.
#define RARELY(condition) __builtin_expect(!!(condition), 0)

#define GET_BITFIELD(type, pointer, member) ({ \
  struct type *_pointer = (struct type *)(pointer); \
  bpf_ksym_exists(bpf_rdonly_cast) ? BPF_CORE_READ_BITFIELD(VIEW(type, _pointer), member) \
                                   : BPF_CORE_READ_BITFIELD_PROBED(_pointer, member); })

// As stat(2) and Falco number devices; the kernel keeps major << 20 | minor.
static __always_inline __u32 userspace_device(__u32 major, __u32 minor)
{
  return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static __always_inline __u32 device_of(struct super_block *sb)
{
  __u32 device = GET(super_block, sb, s_dev);
  return userspace_device(device >> 20, device & 0xfffff);
}

// The open file behind a descriptor of this task, or NULL.
static __always_inline struct file *file_of(struct task_struct *task, __s64 fd)
{
  struct files_struct *files = task->files;
  if (fd < 0 || !files) return 0;
  struct fdtable *table = files->fdt;
  return fd < table->max_fds ? (struct file *)WORD_AT(table->fd + fd) : 0;
}

// Copies what the program has at an address; not 0: it could not be read. arm64 ignores the highest byte of an address, and
// so do system calls when the program wants that (prctl PR_SET_TAGGED_ADDR_CTRL), but the helper does not: what a call was
// given by such an address would go unseen. The helper for strings ignores it by itself.
static __always_inline long read_user(void *to, __u32 size, __u64 from)
{
#if defined(__TARGET_ARCH_arm64)
  from &= ~0ull >> 8;
#endif
  return bpf_probe_read_user(to, size, (void *)from);
}
