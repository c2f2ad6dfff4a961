// A system call when it returns: the registers still hold the arguments then.
#pragma once

// Numbers only, so that it can be handed to global functions, each of which is verified once.
struct call_context {
  __u64 args[6];   // of io_uring: pointers lead into the kernel's memory
  __s64 ret;
  __u64 file;      // that it is about, where it is known: of io_uring it need not have a descriptor
  __u32 which;     // enum call
  bool compat;     // a 32-bit call
  __u8 uring;      // through io_uring: the scratch of the program that tells of it; else 0
  bool fixed;      // what it returned is no descriptor of the process
  bool cut;        // its texts are not whole
};

static __always_inline __u32 slot_of(struct call_context *call)
{
  return call->uring ? call->uring : SCRATCH_CALL;
}

static __always_inline __u16 call_flags(struct call_context *call)
{
  return (call->compat ? FLAG_COMPAT : 0) | (call->uring ? FLAG_URING : 0) | (call->cut ? FLAG_CUT : 0);
}

static __always_inline struct task_struct *current_task(void)
{
  return untrusted(bpf_get_current_task_btf());
}

// Whose name an event goes by: a worker of io_uring does what its process asked for, and has a name that says nothing.
static __always_inline struct task_struct *named_task(struct call_context *call)
{
  struct task_struct *task = current_task();
  return call->uring && task->flags & PF_IO_WORKER ? task->group_leader : task;
}

static __always_inline const struct shape *shape_of(struct call_context *call)
{
  return &shapes[call->which & (CALLS_ROOM - 1)];
}

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 2
#define X32_BIT 0x40000000
static __always_inline __u32 native_number(__u64 number)
{
  return (__u32)number & ~X32_BIT;
}
static __always_inline __u32 call_number(struct pt_regs *regs)
{
  return native_number(regs->orig_ax);
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
static __always_inline __u32 native_number(__u64 number)
{
  return number;
}
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

// Whether the state of the process comes with its record, which is put together in the scratch then.
static __always_inline bool has_state(struct call_context *call)
{
  return filter.state[COUNTED_KINDS + (call->which & (CALLS_ROOM - 1))];
}

// Counts a call that nobody wants.
static __always_inline __u32 not_sent(struct call_context *call)
{
  filtered(counted_as(call));
  return 0;
}

// Ends a record, all of whose texts stand before `at`; returns its size, 0 when it could not be put together.
static __always_inline __u32 finished(struct call_context *call, struct scratch *s, __u32 at, enum record_kind kind)
{
  struct record_header *header = (void *)s->record;
  struct task_struct *task = named_task(call);
  identify(header, bpf_get_current_task_btf(), kind);
  if (call->uring && task != current_task()) {
    header->tid = header->tgid;
    bpf_probe_read_kernel(header->comm, sizeof header->comm, task->comm);
  }
  s->task = (__u64)task;
  return finish(s, at);
}

// Sends the record of that size. Not where it is put together: the state of the process would be looked at too deep on
// the stack.
static __always_inline void send(struct call_context *call, __u32 size)
{
  struct scratch *s = size ? scratch_of(slot_of(call)) : 0;
  if (s) emit_event(s, slot_of(call), size, counted_as(call));
}

// A path in the caller's memory that becomes a text of the record in the making.
struct path_argument {
  __u64 from;
  __u32 slot, at;   // which scratch, and where in its record
  __s32 dirfd;
  bool always_base; // also for an absolute path
  bool kernel;      // not in the caller's memory, but a copy of the kernel's
  bool pad[2];      // no holes: of what is handed to a global function older kernels want every byte to be set
};

// The directory that a path given with `dirfd` starts from; NULL for a bad descriptor.
static __always_inline struct path *base_of(struct task_struct *task, struct fs_struct *fs, __s32 dirfd)
{
  if (dirfd == AT_FDCWD) return PATH_OF(fs_struct, fs, pwd);
  struct file *file = file_of(task, dirfd);
  return file ? PATH_OF(file, file, f_path) : 0;
}

// Appends it; returns its length.
static __always_inline __u32 base_text(struct scratch *s, __u32 slot, struct task_struct *task, __u32 at, __s32 dirfd)
{
  struct fs_struct *fs = task->fs;
  struct path *base = fs ? base_of(task, fs, dirfd) : 0;
  return base ? directory_text(s, slot, at, base, fs) : 0;
}

// Appends a path as the caller wrote it and, where it needs one, its base. Returns the length of the first, and that of
// the base from bit 16 on. A global function is verified once, not at each of its calls.
__noinline int append_argument(struct path_argument *path)
{
  struct scratch *s = path ? scratch_of(path->slot) : 0;
  if (!s) return 0;
  __u32 at = path->at;
  __u32 length = caller_text(s, at, path->from, path->kernel);
  if (!BOUND(at)) return 0;
  bool absolute = length && *IN_RECORD(s, at) == '/';
  if (absolute && !path->always_base) return length;
  return length | base_text(s, path->slot, current_task(), at + length, path->dirfd) << 16;
}

// As `append_argument`; `lengths` are those of the two texts. Returns the end.
static __always_inline __u32 raw_and_base(__u16 *lengths, struct path_argument *path)
{
  __u32 both = append_argument(path);
  lengths[0] = both & (PATH_ROOM - 1);
  lengths[1] = both >> 16 & (PATH_ROOM - 1);
  return path->at + lengths[0] + lengths[1];
}
