// A system call when it returns: the registers still hold the arguments then.
#pragma once

// Numbers only, so that it can be handed to global functions, each of which is verified once.
struct call_context {
  __u64 args[6];
  __s64 ret;
  __u32 which;     // enum call
  bool compat;     // a 32-bit call
};

static __always_inline struct task_struct *current_task(void)
{
  return untrusted(bpf_get_current_task_btf());
}

static __always_inline const struct shape *shape_of(struct call_context *call)
{
  return &shapes[call->which & (CALLS_ROOM - 1)];
}

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

static __always_inline void send(struct call_context *call, struct scratch *s, __u32 at, enum record_kind kind)
{
  identify((void *)s->record, current_task(), kind);
  __u32 size = finish(s, at);
  if (size && size <= sizeof s->record) emit(s->record, size, counted_as(call));
}

// A path in the caller's memory that becomes a text of the record in the making.
struct path_argument {
  __u64 from;
  __u32 at;         // where in the record
  __s32 dirfd;
  bool always_base; // also for an absolute path
};

// Appends the directory that a path given with `dirfd` starts from; returns its length, 0 for a bad descriptor.
static __always_inline __u32 base_text(struct scratch *s, struct task_struct *task, __u32 at, __s32 dirfd)
{
  struct fs_struct *fs = task->fs;
  if (!fs) return 0;
  if (dirfd == AT_FDCWD) return path_text(s, SCRATCH_CALL, at, PATH_OF(fs_struct, fs, pwd), fs);
  struct file *file = file_of(task, dirfd);
  return file ? path_text(s, SCRATCH_CALL, at, PATH_OF(file, file, f_path), fs) : 0;
}

// Appends a path as the caller wrote it and, where it needs one, its base. Returns the length of the first, and that of
// the base from bit 16 on. A global function is verified once, not at each of its calls.
__noinline int append_argument(struct path_argument *path)
{
  struct scratch *s = scratch_of(SCRATCH_CALL);
  if (!path || !s) return 0;
  __u32 at = path->at, length = user_text(s, at, path->from);
  if (!BOUND(at)) return 0;
  bool absolute = length && s->record[at] == '/';
  if (absolute && !path->always_base) return length;
  return length | base_text(s, current_task(), at + length, path->dirfd) << 16;
}

// As `append_argument`; `lengths` are those of the two texts. Returns the end.
static __always_inline __u32 raw_and_base(__u16 *lengths, struct path_argument *path)
{
  __u32 both = append_argument(path);
  lengths[0] = both & (PATH_ROOM - 1);
  lengths[1] = both >> 16 & (PATH_ROOM - 1);
  return path->at + lengths[0] + lengths[1];
}
