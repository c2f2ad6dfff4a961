// The open family: by far the most frequent calls that rules look at.
#pragma once

_Static_assert(OPEN_RAW == 0 && OPEN_BASE == 1, "raw_and_base's order");

static __always_inline void read_open_arguments(struct call_context *call, struct open_record *r, __u64 *path)
{
  struct open_how how = {};
  *path = call->args[0];
  r->dirfd = AT_FDCWD;
  switch (call->which) {
  case CALL_CREAT:
    how.flags = 01101; // O_CREAT | O_WRONLY | O_TRUNC
    how.mode = call->args[1];
    break;
  case CALL_OPEN:
    how.flags = call->args[1];
    how.mode = call->args[2];
    break;
  default:
    r->dirfd = call->args[0];
    *path = call->args[1];
    if (call->which == CALL_OPENAT || call->uring) {
      how.flags = call->args[2];
      how.mode = call->args[3];
      if (call->uring) how.resolve = call->args[4];
    } else if (bpf_probe_read_user(&how, sizeof how, (void *)call->args[2])) {
      r->header.flags |= FLAG_UNREAD;
    }
  }
  r->open_flags = how.flags;
  r->mode = how.mode;
  r->resolve = how.resolve;
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

#define TEXT_DOUBTFUL (FLAG_UNREAD | FLAG_CUT | FLAG_PATH_PARTIAL)

// Whether the path as text, which stands in the record, is wanted for that class of outcome.
static __always_inline bool text_passes(struct open_record *r, __u32 slot, __u32 bit)
{
  __u32 raw = r->lengths[OPEN_RAW], base = r->lengths[OPEN_BASE];
  bool relative = raw && ((char *)r)[OPEN_TEXTS_AT] != '/';
  // What readers have no certain text for, and what starts elsewhere than it seems.
  if (r->header.flags & TEXT_DOUBTFUL || r->resolve & RESOLVE_IN_ROOT || (relative && !base)) return 1;
  struct named text = { .slot = slot, .at = OPEN_TEXTS_AT, .length = raw, .base_at = OPEN_TEXTS_AT + raw, .base_length = base };
  return classes_of(&text) & bit;
}

// The same of the canonical path at `at`. One that is not whole, or not as the process sees it, cannot be told from one
// that is wanted.
static __always_inline bool real_passes(struct open_record *r, __u32 slot, __u32 at, __u32 length, __u32 bit)
{
  if (r->header.flags & (FLAG_PATH_PARTIAL | FLAG_PATH_OUTSIDE)) return 1;
  struct named real = { .slot = slot, .at = at, .length = length };
  return (__u32)classes_of(&real) >> 16 & bit;
}

static __always_inline void on_open(struct call_context *call, struct scratch *s)
{
  struct open_record *r = (void *)s->record;
  struct task_struct *task = current_task();
  __u32 slot = call->which & (CALLS_ROOM - 1);
  struct path_argument path = { .slot = slot_of(call), .at = OPEN_TEXTS_AT, .kernel = call->uring };
  r->header.flags = call_flags(call);
  r->ret = call->ret;
  r->nr = shape_of(call)->nr;
  read_open_arguments(call, r, &path.from);
  __u32 bit = class_bit(access_of(r->open_flags), call->ret);
  bool passed = filter.keep[slot] & bit || r->header.flags & FLAG_UNREAD || comm_passes(call, bit);
  if (!passed && !(filter.test[slot] & bit)) return filtered(counted_as(call));
  path.dirfd = r->dirfd;
  path.always_base = r->resolve & RESOLVE_IN_ROOT;
  struct fs_struct *fs = task->fs;
  struct file *file = call->ret < 0 || call->fixed || !fs ? 0 : file_of(task, call->ret);
  // Without a file there is no canonical path, and nothing that is asked of one holds.
  bool by_text = filter.tests.text & bit, by_real = file && filter.tests.real & bit;
  __u32 at = OPEN_TEXTS_AT, length = 0;
  if (!passed && !by_text) {
    // Where the text says nothing it is not even read.
    if (by_real) length = path_text(s, slot_of(call), at, PATH_OF(file, file, f_path), fs);
    if (!by_real || !real_passes(r, slot_of(call), at, length, bit)) return filtered(counted_as(call));
    passed = 1;
  }
  at = raw_and_base(r->lengths, &path);
  passed = passed || text_passes(r, slot_of(call), bit);
  if (!passed && !by_real) return filtered(counted_as(call));
  length = 0;
  if (file && (filter.real || !passed || r->header.flags & FLAG_UNREAD))
    length = path_text(s, slot_of(call), at, PATH_OF(file, file, f_path), fs);
  if (!passed && !real_passes(r, slot_of(call), at, length, bit)) return filtered(counted_as(call));
  if (refused(counted_as(call))) return;
  r->created = r->layer = r->dev = r->file_mode = r->file_flags = r->magic = r->ino = 0;
  if (file && filter.file) read_opened(r, file);
  r->lengths[OPEN_REAL] = length;
  send(call, s, at + length, KIND_OPEN);
}

__noinline int open_call(struct call_context *call)
{
  struct scratch *s = call ? scratch_of(slot_of(call)) : 0;
  if (s) on_open(call, s);
  return 0;
}
