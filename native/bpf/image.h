// What only exec knows of a process: the layout that exec and scan records share.
#pragma once

enum exe_flag { EXE_WRITABLE = 1, EXE_UPPER = 2, EXE_MEMFD = 4, EXE_LOWER = 8, EXE_DELETED = 16, EXE_PARTIAL = 32 };

static __always_inline __u64 inode_time(struct inode *inode, bool modified)
{
  if (bpf_core_field_exists(inode->i_ctime_sec)) {
    __s64 seconds = modified ? GET(inode, inode, i_mtime_sec) : GET(inode, inode, i_ctime_sec);
    // The top bit of ctime's nanoseconds is a mark of the kernel's ("queried", multigrain time stamps).
    __u32 ns = modified ? GET(inode, inode, i_mtime_nsec) : GET(inode, inode, i_ctime_nsec) & 0x7fffffff;
    return seconds * 1000000000ull + ns;
  }
  struct inode___until_6_11 *middle = (void *)inode;
  struct inode___until_6_7 *old = (void *)inode;
  struct timespec64 time = {};
  if (modified) {
    if (bpf_core_field_exists(middle->__i_mtime)) time = BPF_CORE_READ(middle, __i_mtime);
    else if (bpf_core_field_exists(old->i_mtime)) time = BPF_CORE_READ(old, i_mtime);
  } else {
    if (bpf_core_field_exists(middle->__i_ctime)) time = BPF_CORE_READ(middle, __i_ctime);
    else if (bpf_core_field_exists(old->i_ctime)) time = BPF_CORE_READ(old, i_ctime);
  }
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

struct group_search {
  __u64 groups;
  __u32 count, wanted;
  bool found;
};

static long group_step(__u64 index, struct group_search *search)
{
  __u32 group = 0;
  if (index >= search->count) return 1;
  bpf_probe_read_kernel(&group, sizeof group, (void *)(search->groups + (index & 0xffff) * sizeof group));
  search->found = group == search->wanted;
  return search->found;
}

// May the process write its own executable? As Falco tests it: owner, group, others, CAP_DAC_OVERRIDE; no ACLs.
static __always_inline bool can_write(struct inode *inode, const struct cred *cred, __u64 capabilities)
{
  if (GET(super_block, GET(inode, inode, i_sb), s_flags) & SB_RDONLY) return 0;
  if (GET(inode, inode, i_flags) & S_IMMUTABLE) return 0;
  if (GET(inode, inode, i_uid.val) == cred->fsuid.val) return 1;
  struct group_info *info = cred->group_info;
  struct group_search search = {
    .groups = (__u64)info + bpf_core_field_offset(struct group_info, gid),
    .count = GET(group_info, info, ngroups),
    .wanted = GET(inode, inode, i_gid.val),
  };
  if (cred->fsgid.val == search.wanted) search.found = 1;
  else bpf_loop(0x10000, group_step, &search, 0);
  if (GET(inode, inode, i_mode) & (search.found ? 020 : 02)) return 1;
  return capabilities >> CAP_DAC_OVERRIDE & 1;
}

enum layer { LAYER_NONE, LAYER_UPPER, LAYER_LOWER };

// Overlayfs keeps the dentry of the writable layer right behind the inode; it is set when the file lives there.
static __always_inline enum layer layer_of(struct inode *inode, unsigned long magic)
{
  if (magic != OVERLAYFS_MAGIC) return LAYER_NONE;
  void *at = bpf_core_type_exists(struct ovl_inode)
    ? (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode)
        + bpf_core_field_offset(struct ovl_inode, __upperdentry)
    : (void *)inode + bpf_core_type_size(struct inode);
  return WORD_AT(at) ? LAYER_UPPER : LAYER_LOWER;
}

// Appends the path of the executable and fills what the record says about its file; returns the length of the path.
static __always_inline __u32 image_exe(struct scratch *s, __u32 slot, __u32 at, struct task_struct *t,
                                       struct mm_struct *mm, struct fs_struct *fs)
{
  struct exec_record *r = (void *)s->record;
  struct file *file = mm->exe_file;
  if (!file || !fs) return 0;
  struct inode *inode = GET(file, file, f_inode);
  struct super_block *sb = GET(inode, inode, i_sb);
  struct dentry *dentry = GET(file, file, f_path.dentry);
  __u32 flags = can_write(inode, t->cred, r->header.cap_effective) ? EXE_WRITABLE : 0;
  r->exe_ino = GET(inode, inode, i_ino);
  r->exe_dev = device_of(sb);
  r->exe_ctime = inode_time(inode, 0);
  r->exe_mtime = inode_time(inode, 1);
  enum layer layer = layer_of(inode, GET(super_block, sb, s_magic));
  if (layer) flags |= layer == LAYER_UPPER ? EXE_UPPER : EXE_LOWER;
  if (GET(dentry, dentry, d_parent) == dentry) {
    __u64 start = 0; // as a number: clang 14 has no memcmp here
    bpf_probe_read_kernel(&start, sizeof "memfd:" - 1, GET(dentry, dentry, d_name.name));
    if (start == 0x3a64666d656d) flags |= EXE_MEMFD; // memfd:
  } else if (!GET(dentry, dentry, d_hash.pprev)) {
    flags |= EXE_DELETED;
  }
  __u32 length = path_text(s, slot, at, PATH_OF(file, file, f_path), fs);
  if (r->header.flags & FLAG_PATH_PARTIAL) flags |= EXE_PARTIAL;
  r->exe_flags = flags;
  return length;
}

static __always_inline long read_strings(void *to, __u32 size, __u64 from, struct task_struct *task, bool scan)
{
  return scan ? bpf_copy_from_user_task(to, size, (void *)from, task, 0) : read_user(to, size, from);
}

_Static_assert(EXEC_ARGS_MAX == PATH_ROOM + EXEC_ARGS_TAIL && EXEC_ENV_MAX == PATH_ROOM + EXEC_ENV_TAIL,
               "what is kept of strings that are too long");
_Static_assert(EXEC_ARGS_TAIL == EXEC_ENV_TAIL, "one kind of strings");

// Appends a block of NUL-ended strings of the process's memory: of one that is too long its beginning, and its end, for
// what is put in front of a command would hide it else. Returns how much it appended, and the whole length in *total.
static __always_inline __u32 image_strings(struct scratch *s, __u32 at, struct task_struct *task, __u64 from, __u64 to,
                                           __u32 *total, bool scan)
{
  struct exec_record *r = (void *)s->record;
  __u32 length = to > from ? to - from : 0;
  long failed;
  *total = length;
  if (!length || !BOUND(at)) return 0;
  if (length < PATH_ROOM) {
    length &= PATH_ROOM - 1;
    failed = read_strings(IN_RECORD(s, at), length, from, task, scan);
  } else {
    if (length > EXEC_ARGS_MAX) length = EXEC_ARGS_MAX;
    failed = read_strings(IN_RECORD(s, at), PATH_ROOM, from, task, scan);
    if (!failed && length > PATH_ROOM) {
      __u32 tail_at = at + length - EXEC_ARGS_TAIL;
      failed = read_strings(IN_RECORD(s, tail_at), EXEC_ARGS_TAIL, to - EXEC_ARGS_TAIL, task, scan);
    }
  }
  if (!failed) return length;
  r->header.flags |= FLAG_UNREAD;
  return 0;
}

// Appends the cgroup path that names the container: the memory controller's in a v1 hierarchy, else the v2 path.
static __always_inline __u32 image_cgroup(struct scratch *s, __u32 slot, __u32 at, struct task_struct *t)
{
  struct record_header *header = (void *)s->record;
  struct css_set *set = t->cgroups;
  struct cgroup *v2 = set->dfl_cgrp;
  int written = 0;
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
    __u32 id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) & 31;
    __u64 memory = WORD_AT((void *)set + bpf_core_field_offset(struct css_set, subsys) + sizeof(void *) * id);
    struct cgroup *v1 = memory ? GET(cgroup_subsys_state, memory, cgroup) : 0;
    if (v1 && GET(cgroup, v1, root) != GET(cgroup, v2, root)) {
      s->walk.dentry = (__u64)GET(cgroup, v1, kn);
      written = append_cgroup(slot, at);
    }
  }
  if ((written & (PATH_ROOM - 1)) <= 1) {
    s->walk.dentry = (__u64)GET(cgroup, v2, kn);
    written = append_cgroup(slot, at);
  }
  if (written >> 16 != WALK_COMPLETE) header->flags |= FLAG_CUT;
  return written & (NAME_ROOM - 1);
}

static __always_inline __u32 terminal_of(struct signal_struct *signal)
{
  struct tty_struct *tty = signal->tty;
  if (!tty) return 0;
  struct tty_driver *driver = GET(tty_struct, tty, driver);
  __u32 minor = GET(tty_driver, driver, minor_start) + GET(tty_struct, tty, index);
  return userspace_device(GET(tty_driver, driver, major), minor);
}

static __always_inline void image_ids(struct exec_record *r, struct task_struct *t)
{
  struct signal_struct *signal = t->signal;
  const struct cred *cred = t->cred;
  struct pid *pid = t->thread_pid;
  __u32 level = GET(pid, pid, level);
  r->vpid = number_at(signal->pids[PIDTYPE_TGID], level);
  r->vtid = number_at(pid, level);
  r->sid = number_at(signal->pids[PIDTYPE_SID], 0);
  r->pgid = number_at(signal->pids[PIDTYPE_PGID], 0);
  r->vpgid = number_at(signal->pids[PIDTYPE_PGID], level);
  r->pidns_start = namespace_start(pid, level);
  r->tty = terminal_of(signal);
  r->gid = cred->gid.val;
  r->cap_permitted = *(__u64 *)&cred->cap_permitted;
  r->cap_inheritable = *(__u64 *)&cred->cap_inheritable;
}

// Puts an exec or scan record together after its header; returns its size. `filename` is kernel memory, or NULL.
static __always_inline __u32 image(struct scratch *s, __u32 slot, struct task_struct *task, __u32 old_tid,
                                   const char *filename, bool scan)
{
  struct exec_record *r = (void *)s->record;
  struct task_struct *t = untrusted(task);
  struct mm_struct *mm = t->mm;
  struct fs_struct *fs = t->fs;
  __u32 at = EXEC_TEXTS_AT, length;
  r->old_tid = old_tid;
  image_ids(r, t);
  PUT_USAGE(r, t);
  r->exe_flags = r->exe_dev = r->args_total = r->env_total = 0;
  r->exe_ino = r->exe_ctime = r->exe_mtime = 0;

  length = mm ? image_exe(s, slot, at, t, mm, fs) : 0;
  r->lengths[EXEC_EXE_PATH] = length;
  at += length;
  length = fs ? directory_text(s, slot, at, PATH_OF(fs_struct, fs, pwd), fs) : 0;
  r->lengths[EXEC_CWD] = length;
  at += length;
  length = mm ? image_strings(s, at, task, mm->arg_start, mm->arg_end, &r->args_total, scan) : 0;
  r->lengths[EXEC_ARGS] = length;
  at += length;
  length = mm && filter.env ? image_strings(s, at, task, mm->env_start, mm->env_end, &r->env_total, scan) : 0;
  r->lengths[EXEC_ENV] = length;
  at += length;
  length = 0;
  if (filename && BOUND(at)) {
    long read = bpf_probe_read_kernel_str(IN_RECORD(s, at), EXEC_FILENAME_MAX + 1, filename);
    if (read == EXEC_FILENAME_MAX + 1) {
      char last = 0;
      bpf_probe_read_kernel(&last, 1, filename + EXEC_FILENAME_MAX);
      if (last) r->header.flags |= FLAG_CUT;
    }
    length = read > 0 ? (read - 1) & (PATH_ROOM - 1) : 0;
  }
  r->lengths[EXEC_FILENAME] = length;
  at += length;
  length = image_cgroup(s, slot, at, t);
  r->lengths[EXEC_CGROUP_PATH] = length;
  return finish(s, at + length);
}
