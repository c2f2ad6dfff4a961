// Canonical paths, from the kernel's own tree of names.
#pragma once

#define WALK_STEPS 4096 // more names and mount crossings than PATH_MAX allows; the bound of bpf_loop costs nothing
#define FIRST_STEPS 8   // most paths end here, without a call back for each name

enum walk_state { WALK_UNFINISHED, WALK_COMPLETE, WALK_OUTSIDE, WALK_TOO_LONG };

static __always_inline __u64 mount_of(__u64 vfsmount)
{
  return vfsmount - bpf_core_field_offset(struct mount, mnt);
}

// Copies a name of up to 16 bytes by overlapping loads, which is half the price of the helper and by far the usual
// case; the rest by the helper. `behind` is where the name ends in scratch->path. The structs lend their words as types
// to load.
static __always_inline void copy_name(struct scratch *s, __u32 at, __u32 behind, __u32 length,
                                      const unsigned char *name)
{
  if (!bpf_ksym_exists(bpf_rdonly_cast) || length > 16) {
    bpf_probe_read_kernel(s->path + at, length, name);
  } else if (length >= 8) {
    *(__u64 *)(s->path + at) = VIEW(timespec64, name)->tv_sec;
    *(__u64 *)(s->path + ((behind - 8) & (PATH_ROOM - 1))) = VIEW(timespec64, name + length - 8)->tv_sec;
  } else if (length >= 4) {
    *(__u32 *)(s->path + at) = VIEW(upid, name)->nr;
    *(__u32 *)(s->path + ((behind - 4) & (PATH_ROOM - 1))) = VIEW(upid, name + length - 4)->nr;
  } else {
    __u32 word = VIEW(upid, name)->nr;
    s->path[at] = word;
    s->path[(at + length / 2) & (PATH_ROOM - 1)] = word >> length / 2 * 8;
    s->path[(behind - 1) & (PATH_ROOM - 1)] = word >> ((length - 1) & 3) * 8;
  }
}

// One step up. Whether it passed a name of the path, whose dentry is `name` then; else it crossed a mount, or there is
// no more and `state` says why.
static __always_inline bool step_up(struct walk *w, __u64 *name)
{
  __u64 dentry = w->dentry;
  if (dentry == w->root_dentry && w->mount == w->root_mount) {
    w->state = WALK_COMPLETE;
    return 0;
  }
  if (dentry == w->mount_root) {
    __u64 mount = w->mount;
    __u64 up = (__u64)GET(mount, mount, mnt_parent);
    if (up == mount || !up) {
      w->mount_root = 0; // mounted nowhere: the rest of the way is that in its file system
      return 0;
    }
    w->dentry = (__u64)GET(mount, mount, mnt_mountpoint);
    w->mount = up;
    w->mount_root = (__u64)GET(mount, up, mnt.mnt_root);
    return 0;
  }
  __u64 parent = (__u64)GET(dentry, dentry, d_parent);
  if (parent == dentry || !parent) {
    w->state = WALK_OUTSIDE;
    return 0;
  }
  w->dentry = parent;
  *name = dentry;
  return 1;
}

static __always_inline long walk_once(struct scratch *s)
{
  struct walk *w = &s->walk;
  __u64 dentry;
  if (!step_up(w, &dentry)) return w->state != WALK_UNFINISHED;
  __u32 length = GET(dentry, dentry, d_name.len) & (NAME_ROOM - 1);
  __u32 behind = w->at;
  if (behind < length + 1) {
    w->state = WALK_TOO_LONG;
    return 1;
  }
  __u32 at = (behind - length) & (PATH_ROOM - 1);
  copy_name(s, at, behind, length, GET(dentry, dentry, d_name.name));
  at = (at - 1) & (PATH_ROOM - 1);
  s->path[at] = '/';
  w->at = at;
  return 0;
}

static long walk_step(__u64 index, struct scratch **s) { return walk_once(*s); }

// A walk begins at a path, and ends at the root of `fs`.
static __always_inline void begin_walk(struct scratch *s, struct path *path, struct fs_struct *fs)
{
  struct walk *w = &s->walk;
  __u64 vfsmount = (__u64)GET(path, path, mnt);
  w->dentry = (__u64)GET(path, path, dentry);
  w->mount = mount_of(vfsmount);
  w->mount_root = (__u64)GET(vfsmount, vfsmount, mnt_root);
  w->root_dentry = (__u64)GET(fs_struct, fs, root.dentry);
  w->root_mount = mount_of((__u64)GET(fs_struct, fs, root.mnt));
  w->at = PATH_ROOM - 1;
  w->state = WALK_UNFINISHED;
}

#define COPIED_BY_WORDS 128 // longer ones are worth a call of the helper

// Moves what was put at the end of scratch->path to the record; returns its length.
static __always_inline __u32 take_path(struct scratch *s, __u32 from, __u32 to)
{
  from &= PATH_ROOM - 1;
  __u32 length = (PATH_ROOM - 1 - from) & (PATH_ROOM - 1);
  if (!BOUND(to)) return 0;
  char *copy = IN_RECORD(s, to);
  if (length <= COPIED_BY_WORDS) {
    for (__u32 i = 0; i < COPIED_BY_WORDS; i += 8) {
      if (i >= length) break;
      *(__u64 *)(copy + i) = *(__u64 *)(s->path + from + i);
    }
    return length;
  }
  return bpf_probe_read_kernel(copy, length, s->path + from) ? 0 : length;
}

// Takes the walk that has begun in a scratch, and appends the path to its record at `at`; one that `stays` is left at the
// end of scratch->path. Returns the length, or of one that stays where it begins, and the walk_state from bit 16 on. What
// has no path (memfd, pipe) yields its name. A global function is verified once, not at each of its calls.
__noinline int append_path(__u32 slot, __u32 to, bool stays)
{
  struct scratch *s = scratch_of(slot);
  if (!s) return 0;
  // Written so that it is entered at its head: older kernels refuse others.
  __u32 left = FIRST_STEPS;
  bool done;
  do done = walk_once(s);
  while (!done && --left);
  if (!done) bpf_loop(WALK_STEPS, walk_step, &s, 0);
  __u32 at = s->walk.at, state = s->walk.state;
  if (at == PATH_ROOM - 1) {
    if (state == WALK_COMPLETE) {
      at = PATH_ROOM - 2;
      s->path[at] = '/';
    } else if (state == WALK_OUTSIDE) {
      __u64 dentry = s->walk.dentry;
      __u32 length = GET(dentry, dentry, d_name.len) & (NAME_ROOM - 1);
      at = PATH_ROOM - 1 - length;
      bpf_probe_read_kernel(s->path + at, length, GET(dentry, dentry, d_name.name));
    }
  }
  __u32 result = stays ? at : take_path(s, at, to);
  return (result & (PATH_ROOM - 1)) | state << 16;
}

// `is_base`: of a directory that others start from, which may lie outside.
static __always_inline __u16 walk_flags(__u32 state, bool is_base)
{
  if (state == WALK_COMPLETE) return 0;
  if (state == WALK_OUTSIDE) return is_base ? 0 : FLAG_PATH_OUTSIDE;
  return is_base ? FLAG_BASE_PARTIAL : FLAG_PATH_PARTIAL;
}

// Appends the path whose walk has begun, and flags the record when it is not whole; returns its length.
static __always_inline __u32 walked_text(struct scratch *s, __u32 slot, __u32 at, bool is_base)
{
  int walked = append_path(slot, at, 0);
  ((struct record_header *)s->record)->flags |= walk_flags(walked >> 16, is_base);
  return walked & (PATH_ROOM - 1);
}

static __always_inline __u32 path_text(struct scratch *s, __u32 slot, __u32 at, struct path *path, struct fs_struct *fs)
{
  begin_walk(s, path, fs);
  return walked_text(s, slot, at, 0);
}

// The same of a directory that paths start from.
static __always_inline __u32 directory_text(struct scratch *s, __u32 slot, __u32 at, struct path *path, struct fs_struct *fs)
{
  begin_walk(s, path, fs);
  return walked_text(s, slot, at, 1);
}

#define PATH_OF(type, pointer, member) \
  ((struct path *)((void *)(pointer) + bpf_core_field_offset(struct type, member)))

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
  if (bpf_core_field_exists(node->__parent)) return BPF_CORE_READ(node, __parent);
  return BPF_CORE_READ((struct kernfs_node___until_6_15 *)node, parent);
}

static long cgroup_step(__u64 index, struct scratch **scratch)
{
  struct scratch *s = *scratch;
  struct walk *w = &s->walk;
  struct kernfs_node *node = (void *)w->dentry;
  struct kernfs_node *parent = kernfs_parent(node);
  if (!parent) {
    w->state = WALK_COMPLETE;
    return 1;
  }
  // The name carries no length: it has to be read before its place is known.
  long read = bpf_probe_read_kernel_str(s->name, NAME_ROOM, BPF_CORE_READ(node, name));
  if (read <= 1) return 1;
  __u32 length = (read - 1) & (NAME_ROOM - 1);
  if (w->at < length + 1) return 1;
  __u32 at = (w->at - length) & (PATH_ROOM - 1);
  bpf_probe_read_kernel(s->path + at, length, s->name);
  at = (at - 1) & (PATH_ROOM - 1);
  s->path[at] = '/';
  w->at = at;
  w->dentry = (__u64)parent;
  return 0;
}

// Appends the path of the cgroup whose kernfs node is walk.dentry, from the top of its hierarchy, and at most
// EXEC_CGROUP_PATH_MAX bytes (its end: that is where runtimes put the id of a container). Returns the length, and the
// walk_state from bit 16 on.
__noinline int append_cgroup(__u32 slot, __u32 to)
{
  struct scratch *s = scratch_of(slot);
  if (!s) return 0;
  s->walk.at = PATH_ROOM - 1;
  s->walk.state = WALK_UNFINISHED;
  bpf_loop(256, cgroup_step, &s, 0);
  __u32 at = s->walk.at, state = s->walk.state;
  if (at == PATH_ROOM - 1) {
    at = PATH_ROOM - 2;
    s->path[at] = '/';
  }
  if (at < PATH_ROOM - 1 - EXEC_CGROUP_PATH_MAX) {
    at = PATH_ROOM - 1 - EXEC_CGROUP_PATH_MAX;
    state = WALK_TOO_LONG;
  }
  return (take_path(s, at, to) & (PATH_ROOM - 1)) | state << 16;
}
