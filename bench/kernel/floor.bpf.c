// The least that programs on sys_exit can do: the floors that ours are compared with. What reads a path must read it, and
// what sends a record must reserve room for it, read the clock and submit it. `send_known` also fills in who it was and what
// was opened, as our record of an open has it; nothing is asked of a filter, and nothing is counted.
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "records.h"
#include "read.h"
#include "identity.h"

char LICENSE[] SEC("license") = "GPL";

#define PATH_MAX_READ 256 // as native/bpf/quick.h
#define OPEN_ROOM 248     // as native/bpf/open.h
#define SOCKET_ROOM ((SOCKET_TEXTS_AT + 7) & ~7)

const volatile __u32 traced; // the process that is looked at
__u32 full SEC(".bss.full");  // a record found no room
__u64 read;

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 16 << 20);
} ring SEC(".maps");

#if defined(__TARGET_ARCH_x86)
#define NUMBER(regs) (regs)->orig_ax
#define SECOND(regs) (regs)->si
#define NR_OPENAT 257
#define NR_CONNECT 42
#elif defined(__TARGET_ARCH_arm64)
#define NUMBER(regs) (regs)->syscallno
#define SECOND(regs) (regs)->regs[1]
#define NR_OPENAT 56
#define NR_CONNECT 203
#endif

SEC("tp_btf/sys_exit")
int BPF_PROG(return_only, struct pt_regs *regs, long ret)
{
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(read_path, struct pt_regs *regs, long ret)
{
  char path[PATH_MAX_READ];
  if (NUMBER(regs) != NR_OPENAT || bpf_get_current_task_btf()->tgid != traced) return 0;
  read += bpf_probe_read_user_str(path, sizeof path, (void *)SECOND(regs));
  return 0;
}

static __always_inline int send_open(struct pt_regs *regs)
{
  struct open_record *r = bpf_ringbuf_reserve(&ring, OPEN_ROOM, 0);
  if (!r) return full = 1;
  r->header.time = bpf_ktime_get_boot_ns();
  bpf_probe_read_user_str((char *)r + OPEN_TEXTS_AT, OPEN_ROOM - OPEN_TEXTS_AT, (void *)SECOND(regs));
  bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
  return 0;
}

static __always_inline int send_connect(struct pt_regs *regs)
{
  struct socket_record *r = bpf_ringbuf_reserve(&ring, SOCKET_ROOM, 0);
  if (!r) return full = 1;
  r->header.time = bpf_ktime_get_boot_ns();
  bpf_probe_read_user(r->addr, sizeof r->addr, (void *)SECOND(regs));
  bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(send_record, struct pt_regs *regs, long ret)
{
  __u64 number = NUMBER(regs);
  if (number != NR_OPENAT && number != NR_CONNECT) return 0;
  if (bpf_get_current_task_btf()->tgid != traced) return 0;
  return number == NR_OPENAT ? send_open(regs) : send_connect(regs);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(send_known, struct pt_regs *regs, long ret)
{
  if (NUMBER(regs) != NR_OPENAT) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  if (task->tgid != traced) return 0;
  struct open_record *r = bpf_ringbuf_reserve(&ring, OPEN_ROOM, 0);
  if (!r) return full = 1;
  bpf_probe_read_user_str((char *)r + OPEN_TEXTS_AT, OPEN_ROOM - OPEN_TEXTS_AT, (void *)SECOND(regs));
  identify(&r->header, task, KIND_OPEN);
  struct file *file = file_of(untrusted(task), ret);
  if (file) {
    struct inode *inode = GET(file, file, f_inode);
    struct super_block *sb = GET(inode, inode, i_sb);
    r->created = !!(GET(file, file, f_mode) & FMODE_CREATED);
    r->ino = GET(inode, inode, i_ino);
    r->dev = device_of(sb);
    r->file_mode = GET(inode, inode, i_mode);
    r->file_flags = GET(file, file, f_flags);
    r->magic = GET(super_block, sb, s_magic);
  }
  bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
  return 0;
}
