// The open family: by far the most frequent calls that rules look at.
#pragma once

_Static_assert(OPEN_RAW == 0 && OPEN_BASE == 1, "raw_and_base's order");

struct how { __u64 flags, mode, resolve; }; // as openat2 takes it, struct open_how

// What the caller asked for, and what is known of it so far. Without holes, as path_argument.
struct opening {
  __u64 path;
  struct how how;
  __s32 dirfd;
  bool unread; // not all of the arguments could be read
  bool wanted; // whatever the path is
  bool pad[2];
};

// Of open and openat; false for the others of the family.
static __always_inline bool read_usual_arguments(struct call_context *call, struct opening *o)
{
  if (call->which != CALL_OPEN && call->which != CALL_OPENAT) return 0;
  bool at = call->which == CALL_OPENAT;
  o->dirfd = at ? call->args[0] : AT_FDCWD;
  o->path = at ? call->args[1] : call->args[0];
  o->how.flags = at ? call->args[2] : call->args[1];
  o->how.mode = at ? call->args[3] : call->args[2];
  return 1;
}

static __always_inline void read_open_arguments(struct call_context *call, struct opening *o)
{
  if (!read_usual_arguments(call, o)) {
    if (call->which == CALL_CREAT) {
      o->dirfd = AT_FDCWD;
      o->path = call->args[0];
      o->how.flags = 01101; // O_CREAT | O_WRONLY | O_TRUNC
      o->how.mode = call->args[1];
      return;
    }
    o->dirfd = call->args[0];
    o->how.flags = call->args[2];
    if (call->which == CALL_OPEN_BY_HANDLE_AT) return; // names no path
    o->path = call->args[1];
    o->how.mode = call->args[3];
    if (!call->uring && read_user(&o->how, sizeof o->how, call->args[2])) o->unread = 1;
    // Another thread may have changed it since: how the file is open stands in the file.
    struct file *file = !call->uring && call->ret >= 0 ? file_of(current_task(), call->ret) : 0;
    if (file) o->how.flags = (o->how.flags & ~(__u64)O_ACCMODE) | (GET(file, file, f_flags) & O_ACCMODE);
  }
  if (call->uring) o->how.resolve = call->args[4];
}

// Reading without O_WRONLY, as Falco has it: O_RDWR | O_WRONLY is a write.
static __always_inline __u32 access_of(__u32 flags)
{
  switch (flags & O_ACCMODE) {
  case 0: return 1;
  case 2: return 3;
  default: return 2;
  }
}

static __always_inline void read_opened(struct open_record *r, struct file *file)
{
  r->created = r->layer = r->dev = r->file_mode = r->file_flags = r->magic = r->ino = 0;
  if (!file || !filter.file) return;
  struct inode *inode = GET(file, file, f_inode);
  struct super_block *sb = GET(inode, inode, i_sb);
  r->created = !!(GET(file, file, f_mode) & FMODE_CREATED);
  r->ino = GET(inode, inode, i_ino);
  r->dev = device_of(sb);
  r->file_mode = GET(inode, inode, i_mode);
  r->file_flags = GET(file, file, f_flags);
  r->magic = GET(super_block, sb, s_magic);
  r->layer = layer_of(inode, r->magic);
}

#define TEXT_DOUBTFUL (FLAG_UNREAD | FLAG_CUT | FLAG_BASE_PARTIAL)

// Whether the path as text, which stands in the record, is wanted for that class of outcome.
static __always_inline bool text_passes(struct open_record *r, __u32 slot, bool in_root, __u32 bit)
{
  __u32 raw = r->lengths[OPEN_RAW], base = r->lengths[OPEN_BASE];
  bool relative = raw && ((char *)r)[OPEN_TEXTS_AT] != '/';
  // What readers have no certain text for, and what starts elsewhere than it seems.
  if (r->header.flags & TEXT_DOUBTFUL || in_root || (relative && !base)) return 1;
  return classes_of(slot, OPEN_TEXTS_AT, raw, OPEN_TEXTS_AT + raw, base) & bit;
}

// The same of the canonical path at `at`. One that is not whole, or not as the process sees it, cannot be told from one
// that is wanted.
static __always_inline bool real_passes(struct open_record *r, __u32 slot, __u32 at, __u32 length, __u32 bit)
{
  if (r->header.flags & (FLAG_PATH_PARTIAL | FLAG_PATH_OUTSIDE)) return 1;
  return (__u32)classes_of(slot, at, length, 0, 0) >> 16 & bit;
}

static __always_inline void fill_open(struct open_record *r, struct call_context *call, struct opening *o,
                                      struct file *file)
{
  r->ret = call->ret;
  r->nr = shape_of(call)->nr;
  r->open_flags = o->how.flags;
  r->mode = o->how.mode;
  r->resolve = o->how.resolve;
  r->dirfd = o->dirfd;
  read_opened(r, file);
}

static __always_inline struct file *opened_file(struct call_context *call, struct task_struct *task)
{
  return call->ret < 0 || call->fixed ? 0 : file_of(task, call->ret);
}

// Most opens become records of this size, which is reserved before their texts are known: so they are put together in
// the ring itself. To put them together elsewhere and to copy them is a fifth of what is added to an open. With the
// ring's header it is whole cache lines.
#define OPEN_ROOM 248
#define OPEN_ROOM_REAL 312 // with the canonical path
#define RING_PATH_MAX 96

// Appends a path to a record in the ring. Returns its length; -1 when there is no room for it.
static __always_inline int ring_path(char *record, const __u32 room, __u32 at, struct path *path, struct fs_struct *fs,
                                     bool is_base)
{
  struct record_header *header = (void *)record;
  struct scratch *s = scratch_of(SCRATCH_CALL);
  if (!s) return -1;
  begin_walk(s, path, fs);
  int walked = append_path(SCRATCH_CALL, 0, 1);
  __u32 from = walked & (PATH_ROOM - 1), length = PATH_ROOM - 1 - from;
  header->flags |= walk_flags(walked >> 16, is_base);
  if (length > RING_PATH_MAX || at + length > room - 8) return -1;
  for (__u32 i = 0; i < RING_PATH_MAX; i += 8) {
    __u32 to = at + i;
    if (i >= length) break;
    barrier_var(to);
    if (to > room - 8) return -1;
    *(__u64 *)(record + to) = *(__u64 *)(s->path + from + i);
  }
  return length;
}

// Appends the texts to a record in the ring; false when there is no room for them, or they could not be read.
static __always_inline bool ring_texts(struct open_record *r, const __u32 room, struct opening *o,
                                       struct task_struct *task, struct file *file)
{
  char *record = (char *)r;
  struct fs_struct *fs = task->fs;
  long read = bpf_probe_read_user_str(record + OPEN_TEXTS_AT, room - OPEN_TEXTS_AT, (void *)o->path);
  if (RARELY(read <= 0 || read == room - OPEN_TEXTS_AT || !fs)) return 0;
  __u32 at = OPEN_TEXTS_AT + read - 1;
  int base = 0, real = 0;
  if (RARELY(record[OPEN_TEXTS_AT] != '/' || o->how.resolve & RESOLVE_IN_ROOT)) {
    struct path *from = base_of(task, fs, o->dirfd);
    if (from) base = ring_path(record, room, at, from, fs, 1);
    if (base < 0 || r->header.flags & FLAG_BASE_PARTIAL) return 0;
  }
  if (room == OPEN_ROOM_REAL && file) real = ring_path(record, room, at + base, PATH_OF(file, file, f_path), fs, 0);
  if (real < 0) return 0;
  r->lengths[OPEN_RAW] = read - 1;
  r->lengths[OPEN_BASE] = base;
  r->lengths[OPEN_REAL] = real;
  return 1;
}

static __always_inline bool in_ring(struct call_context *call, struct opening *o, struct task_struct *caller,
                                    const __u32 room, struct counters *counters)
{
  struct open_record *r = bpf_ringbuf_reserve(&ring, room, 0);
  if (!r) return 0;
  struct task_struct *task = untrusted(caller);
  struct file *file = opened_file(call, task);
  r->header.flags = call_flags(call);
  r->header.size = room;
  fill_open(r, call, o, file);
  if (RARELY(!ring_texts(r, room, o, task, file))) {
    bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
    return 0;
  }
  identify(&r->header, caller, KIND_OPEN);
  bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
  emitted(counters, counted_as(call), room, 0);
  return 1;
}

// Sends what is wanted whatever its path is, with the canonical one; returns 0 when it does not fit, or the ring is full.
__noinline int open_in_ring(struct call_context *call, struct opening *o)
{
  return call && o && in_ring(call, o, bpf_get_current_task_btf(), OPEN_ROOM_REAL, counters_here());
}

// Puts an open together in the scratch memory, and looks at its paths as it does.
static __always_inline __u32 by_path(struct call_context *call, struct opening *o, struct scratch *s)
{
  struct open_record *r = (void *)s->record;
  struct task_struct *task = current_task();
  struct fs_struct *fs = task->fs;
  __u32 slot = slot_of(call), bit = class_bit(access_of(o->how.flags), call->ret), at = OPEN_TEXTS_AT, real = 0;
  struct file *file = fs ? opened_file(call, task) : 0;
  // Without a file there is no canonical path, and nothing that is asked of one holds.
  bool passed = o->wanted, by_text = filter.tests.text & bit, by_real = file && filter.tests.real & bit;
  r->header.flags = call_flags(call) | (o->unread ? FLAG_UNREAD : 0);
  if (!passed && !by_text) {
    // Where the text says nothing it is not even read.
    if (by_real) real = path_text(s, slot, at, PATH_OF(file, file, f_path), fs);
    if (!by_real || !real_passes(r, slot, at, real, bit)) return not_sent(call);
    passed = 1;
  }
  struct path_argument path = { .from = o->path, .slot = slot, .at = at, .dirfd = o->dirfd };
  path.kernel = call->uring;
  path.always_base = o->how.resolve & RESOLVE_IN_ROOT;
  at = raw_and_base(r->lengths, &path);
  passed = passed || text_passes(r, slot, path.always_base, bit);
  if (!passed && !by_real) return not_sent(call);
  real = 0;
  // Where the text says nothing certain the canonical path stands for it.
  if (file && (filter.real || !passed || r->header.flags & TEXT_DOUBTFUL))
    real = path_text(s, slot, at, PATH_OF(file, file, f_path), fs);
  if (!passed && !real_passes(r, slot, at, real, bit)) return not_sent(call);
  if (!o->wanted && refused(counters_here(), counted_as(call))) return 0;
  fill_open(r, call, o, file);
  r->lengths[OPEN_REAL] = real;
  return finished(call, s, at + real, KIND_OPEN);
}

// Returns the size of the record to send; 0: none.
__noinline int open_by_path(struct call_context *call, struct opening *o)
{
  struct scratch *s = call && o ? scratch_of(slot_of(call)) : 0;
  return s ? by_path(call, o, s) : 0;
}

static __always_inline __u32 on_open(struct call_context *call)
{
  struct opening o = {};
  __u32 slot = call->which & (CALLS_ROOM - 1);
  read_open_arguments(call, &o);
  __u32 bit = class_bit(access_of(o.how.flags), call->ret);
  o.wanted = filter.keep[slot] & bit || o.unread || comm_passes(named_task(call), call, bit);
  if (o.wanted) {
    if (refused(counters_here(), counted_as(call))) return 0;
    if (filter.real && !call->uring && !o.unread && !has_state(call) && open_in_ring(call, &o)) return 0;
  } else if (!(filter.test[slot] & bit)) {
    return not_sent(call);
  }
  return open_by_path(call, &o);
}

__noinline int open_call(struct call_context *call)
{
  return call ? on_open(call) : 0;
}
