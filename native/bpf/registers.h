// A system call when it returns: the registers still hold the arguments then.
#pragma once

struct call_context {
  struct task_struct *task;
  struct scratch *scratch;
  const struct shape *shape;
  __u32 which;     // enum call
  bool compat;     // a 32-bit call
  long ret;
  __u64 args[6];
};

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2
#define X32_BIT 0x40000000
static __always_inline __u32 call_number(struct pt_regs *regs)
{
  return (__u32)regs->orig_ax & ~X32_BIT;
}
static __always_inline bool is_compat(struct task_struct *task)
{
  return task->thread_info.status & TS_COMPAT;
}
static __always_inline void read_arguments(struct call_context *call, struct pt_regs *regs)
{
  bool compat = call->compat;
  call->args[0] = compat ? (__u32)regs->bx : regs->di;
  call->args[1] = compat ? (__u32)regs->cx : regs->si;
  call->args[2] = compat ? (__u32)regs->dx : regs->dx;
  call->args[3] = compat ? (__u32)regs->si : regs->r10;
  call->args[4] = compat ? (__u32)regs->di : regs->r8;
  call->args[5] = compat ? (__u32)regs->bp : regs->r9;
}
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22
static __always_inline __u32 call_number(struct pt_regs *regs)
{
  return regs->syscallno;
}
static __always_inline bool is_compat(struct task_struct *task)
{
  return task->thread_info.flags >> TIF_32BIT & 1;
}
static __always_inline void read_arguments(struct call_context *call, struct pt_regs *regs)
{
  __u64 mask = call->compat ? 0xffffffff : ~0ull;
  call->args[0] = regs->orig_x0 & mask; // regs[0] already holds the result
  call->args[1] = regs->regs[1] & mask;
  call->args[2] = regs->regs[2] & mask;
  call->args[3] = regs->regs[3] & mask;
  call->args[4] = regs->regs[4] & mask;
  call->args[5] = regs->regs[5] & mask;
}
#endif

static __always_inline __u32 counted_as(struct call_context *call)
{
  return COUNTED_KINDS + call->which;
}

static __always_inline void send(struct call_context *call, __u32 at, enum record_kind kind)
{
  struct scratch *s = call->scratch;
  identify((void *)s->record, call->task, kind);
  __u32 size = finish(s, at);
  if (size && size <= sizeof s->record) emit(s->record, size, counted_as(call));
}

// Appends the directory that a path given with `dirfd` starts from; returns its length, 0 for a bad descriptor.
static __always_inline __u32 base_text(struct call_context *call, __u32 at, __s32 dirfd)
{
  struct fs_struct *fs = call->task->fs;
  if (!fs) return 0;
  if (dirfd == AT_FDCWD) return path_text(call->scratch, SCRATCH_CALL, at, PATH_OF(fs_struct, fs, pwd), fs);
  struct file *file = file_of(call->task, dirfd);
  return file ? path_text(call->scratch, SCRATCH_CALL, at, PATH_OF(file, file, f_path), fs) : 0;
}

// Appends a path as the caller wrote it and, where it needs one, its base; returns the end. `lengths` are those of the
// two texts.
static __always_inline __u32 raw_and_base(struct call_context *call, __u16 *lengths, __u32 at, __u64 from, __s32 dirfd,
                                          bool always_base)
{
  __u32 length = user_text(call->scratch, at, from);
  bool absolute = length && call->scratch->record[at] == '/';
  lengths[0] = length;
  at += length;
  length = absolute && !always_base ? 0 : base_text(call, at, dirfd);
  lengths[1] = length;
  return at + length;
}
