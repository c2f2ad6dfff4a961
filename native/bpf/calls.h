// System calls, read when they return.
#pragma once

_Static_assert(__builtin_offsetof(struct call_record, args) == __builtin_offsetof(struct socket_record, args),
               "calls begin alike, whatever their descriptor is");
_Static_assert(CALLS <= CALLS_ROOM, "the filters have room for every call");
_Static_assert(CALL_RAW == 0 && CALL_BASE == 1 && CALL_RAW2 == 2 && CALL_BASE2 == 3, "raw_and_base's order");

// The value of a register that the shape names, counted from 1.
static __always_inline __u64 argument(struct call_record *r, __u32 number)
{
  return r->args[(number - 1) & 7];
}

static __always_inline __s32 descriptor_of(struct call_context *call, struct call_record *r)
{
  __u32 from = shape_of(call)->fd;
  if (from & FROM_RESULT && call->ret >= 0) return call->fixed ? -1 : call->ret;
  return from & REGISTER ? (__s32)argument(r, from & REGISTER) : -1;
}

static __always_inline __u32 on_chdir(struct call_context *call, struct scratch *s)
{
  struct fs_struct *fs = current_task()->fs;
  struct chdir_record *r = (void *)s->record;
  if (!fs) return 0;
  __u32 length = directory_text(s, slot_of(call), CHDIR_TEXTS_AT, PATH_OF(fs_struct, fs, pwd), fs);
  r->lengths[CHDIR_CWD] = length;
  return finished(call, s, CHDIR_TEXTS_AT + length, KIND_CHDIR);
}

// Appends one of the texts that the shape names, with its base; returns the end.
static __always_inline __u32 shaped_text(struct call_context *call, struct scratch *s, __u32 at, __u32 number)
{
  struct call_record *r = (void *)s->record;
  __u32 text = shape_of(call)->text[number], base = shape_of(call)->base[number];
  __u16 *lengths = r->lengths + 2 * number;
  lengths[0] = lengths[1] = 0;
  if (!text) return at;
  __u64 from = argument(r, text);
  if (base) {
    struct path_argument path = { .from = from, .slot = slot_of(call), .at = at, .kernel = call->uring };
    path.dirfd = base == FROM_CWD ? AT_FDCWD : (__s32)argument(r, base);
    return raw_and_base(lengths, &path);
  }
  if (!from) return at; // a text that may be left out
  lengths[0] = caller_text(s, at, from, call->uring);
  return at + lengths[0];
}

// Fills in what is known of the file and appends its path; returns the end.
static __always_inline __u32 described_file(struct call_context *call, struct scratch *s, __u32 at,
                                            struct file *file)
{
  struct call_record *r = (void *)s->record;
  struct fs_struct *fs = current_task()->fs;
  struct inode *inode = GET(file, file, f_inode);
  struct super_block *sb = GET(inode, inode, i_sb);
  r->ino = GET(inode, inode, i_ino);
  r->dev = device_of(sb);
  r->file_mode = GET(inode, inode, i_mode);
  r->file_flags = GET(file, file, f_flags);
  r->magic = GET(super_block, sb, s_magic);
  r->layer = layer_of(inode, r->magic);
  // The directory of a relative path stands there already.
  if (!fs || r->lengths[CALL_BASE] || r->lengths[CALL_BASE2]) return at;
  __u32 length = path_text(s, slot_of(call), at, PATH_OF(file, file, f_path), fs);
  r->lengths[CALL_REAL] = length;
  return at + length;
}

// Appends what one more register points to: a text, or a struct; returns its length.
static __always_inline __u32 note_of(struct call_context *call, struct scratch *s, __u32 at)
{
  struct call_record *r = (void *)s->record;
  __u32 size = shape_of(call)->note_size & (NAME_ROOM - 1);
  __u64 from = argument(r, shape_of(call)->note), option = call->args[0];
  if (!from || (call->which == CALL_PRCTL && option != PR_SET_NAME && option != PR_GET_NAME)) return 0;
  if (!size) return caller_text(s, at, from, 0);
  if (!BOUND(at) || read_user(IN_RECORD(s, at), size, from)) return 0;
  return size;
}

static __always_inline __u32 on_plain(struct call_context *call, struct scratch *s)
{
  struct call_record *r = (void *)s->record;
  struct file *file = file_of(current_task(), r->fd);
  if (!passes(call)) return 0;
  r->ino = r->dev = r->file_mode = r->layer = r->file_flags = r->magic = 0;
  r->lengths[CALL_REAL] = 0;
  __u32 at = shaped_text(call, s, CALL_TEXTS_AT, 0);
  at = shaped_text(call, s, at, 1);
  if (file) at = described_file(call, s, at, file);
  __u32 length = shape_of(call)->note ? note_of(call, s, at) : moved_data(call, at);
  r->lengths[CALL_DATA] = length;
  at += length;
  r->args[5] = vector_room(call);
  return finished(call, s, at, KIND_CALL);
}

// The record's fixed part before `ino` is filled in.
__noinline int plain_call(struct call_context *call)
{
  struct scratch *s = call ? scratch_of(slot_of(call)) : 0;
  return s ? on_plain(call, s) : 0;
}

static __always_inline __u32 on_other(struct call_context *call, struct scratch *s)
{
  struct call_record *r = (void *)s->record;
  const struct shape *shape = shape_of(call);
  __u32 kind = shape->kind;
  r->header.flags = call_flags(call);
  r->ret = call->ret;
  r->nr = shape->nr;
  if (kind == KIND_CHDIR && call->ret >= 0) {
    ((struct chdir_record *)r)->fd = call->which == CALL_FCHDIR ? (__s32)call->args[0] : -1;
    return passes(call) ? on_chdir(call, s) : 0;
  }
  __builtin_memcpy(r->args, call->args, sizeof r->args);
  r->fd = descriptor_of(call, r);
  if (kind != KIND_SOCKET && !call->uring && shape->fd && !shape->text[0]) {
    struct file *file = file_of(current_task(), r->fd);
    if (file && is_socket(file)) kind = KIND_SOCKET;
  }
  return kind == KIND_SOCKET ? socket_call(call) : plain_call(call);
}

__noinline int other_call(struct call_context *call)
{
  struct scratch *s = call ? scratch_of(slot_of(call)) : 0;
  return s ? on_other(call, s) : 0;
}

#define MOST_MESSAGES 1024 // of one call (UIO_MAXIOV)
#define MESSAGE_SIZE 64    // of a struct mmsghdr, whose length stands in its last word but the padding
#define MESSAGE_LENGTH_AT 56
#define COMPAT_MESSAGE_SIZE 32
#define COMPAT_MESSAGE_LENGTH_AT 28

struct messages {
  struct call_context *call;
  __u64 first;
  __u32 count;
};

static long message_step(__u64 index, struct messages *m)
{
  struct call_context *call = m->call;
  struct scratch *s = scratch_of(SCRATCH_CALL);
  __u32 length = 0;
  if (!s || index >= m->count) return 1;
  struct socket_record *r = (void *)s->record;
  bool compat = call->compat;
  call->args[1] = m->first + index * (compat ? COMPAT_MESSAGE_SIZE : MESSAGE_SIZE);
  __u64 at = call->args[1] + (compat ? COMPAT_MESSAGE_LENGTH_AT : MESSAGE_LENGTH_AT);
  // What failed has moved nothing.
  if (call->ret > 0) read_user(&length, sizeof length, at);
  r->args[1] = call->args[1];
  call->args[5] = length;
  r->header.flags = call_flags(call);
  send(call, socket_call(call));
  return 0;
}

// A record for each message that was moved; of a call that failed for the first one.
__noinline int message_calls(struct call_context *call)
{
  struct scratch *s = call ? scratch_of(SCRATCH_CALL) : 0;
  if (!s) return 0;
  struct call_record *r = (void *)s->record;
  r->ret = call->ret;
  r->nr = shape_of(call)->nr;
  __builtin_memcpy(r->args, call->args, sizeof r->args);
  r->fd = descriptor_of(call, r);
  struct messages m = { .call = call, .first = call->args[1] };
  m.count = call->ret > 0 ? call->ret : 1;
  bpf_loop(MOST_MESSAGES, message_step, &m, 0);
  return 0;
}

// IA-32's socketcall has the number and the arguments in memory. Makes the context that of the real call, or says that
// it is none of interest.
static __always_inline bool unpack_socketcall(struct call_context *call)
{
  __u32 count = 3;
  __u64 from = call->args[1];
  switch (call->args[0]) { // linux/net.h
  case 1: call->which = CALL_SOCKET; break;
  case 2: call->which = CALL_BIND; break;
  case 3: call->which = CALL_CONNECT; break;
  case 4: call->which = CALL_LISTEN, count = 2; break;
  case 5: call->which = CALL_ACCEPT; break;
  case 11: call->which = CALL_SENDTO, count = 6; break;
  case 12: call->which = CALL_RECVFROM, count = 6; break;
  case 16: call->which = CALL_SENDMSG; break;
  case 17: call->which = CALL_RECVMSG; break;
  case 18: call->which = CALL_ACCEPT4, count = 4; break;
  case 19: call->which = CALL_RECVMMSG, count = 5; break;
  case 20: call->which = CALL_SENDMMSG, count = 4; break;
  default: return 0;
  }
  __u32 slot = call->which & (CALLS_ROOM - 1);
  if (!(filter.keep[slot] | filter.test[slot] | filter.by_comm[slot])) return 0;
  barrier_var(count);
  // Two of them stand in a word, before each gets its own: the stack has no room for both.
  call->args[3] = call->args[4] = call->args[5] = 0;
  if (count > 6 || read_user(call->args + 3, count * sizeof(__u32), from)) return 0;
  for (int i = 0; i < 6; i++) {
    __u64 two = call->args[3 + i / 2];
    call->args[i] = i % 2 ? two >> 32 : (__u32)two;
  }
  return 1;
}

// What is looked at of the calls with that number: the native ABI's in the low byte, the 32-bit ABI's in the high one.
static __always_inline __u32 looked_at_of(__u32 number)
{
  barrier_var(number); // else its bits are tested apart, at every call that there is
  return number < CALL_NUMBERS ? filter.calls[number] : 0;
}

static __always_inline int returned(struct task_struct *task, struct pt_regs *regs, long ret, __u32 both)
{
  if (!in_scope(task->tgid)) return 0;
  struct call_context call;
  call.compat = is_compat(task);
  call.which = call.compat ? both >> 8 : both & 0xff;
  if (!call.which || (!call.compat && quick_open(task, regs, ret, call.which))) return 0;
  call.ret = ret;
  call.file = 0;
  call.uring = call.fixed = call.cut = 0;
  read_arguments(&call, regs);
  if (call.which == CALL_SOCKETCALL && !unpack_socketcall(&call)) return 0;
  if (is_many(call.which)) message_calls(&call);
  else send(&call, shape_of(&call)->kind == KIND_OPEN ? open_call(&call) : other_call(&call));
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call, struct pt_regs *regs, long ret)
{
  __u32 both = looked_at_of(call_number(regs));
  return both ? returned(bpf_get_current_task_btf(), regs, ret, both) : 0;
}
