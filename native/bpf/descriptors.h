// Where the first three descriptors lead: part of a process's state.
#pragma once

// A socket as its own calls tell it, with the room that its path takes.
struct socket_look {
  struct socket_record socket;
  char room[SOCKET_UNIX_PATH_MAX + 8];
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES); // as the scratches: one for each program
  __type(key, __u32);
  __type(value, struct socket_look);
} looks SEC(".maps");

static __always_inline struct file *standard_file(__u64 task, __u32 fd)
{
  struct files_struct *files = GET(task_struct, task, files);
  if (!files) return 0;
  struct fdtable *table = GET(files_struct, files, fdt);
  if (fd >= GET(fdtable, table, max_fds)) return 0;
  return (struct file *)WORD_AT(GET(fdtable, table, fd) + fd);
}

// Fills in the ends of a socket; returns the length of its path, which then stands in the look.
static __always_inline __u32 look_at_socket(struct socket_look *look, struct descriptor_block *d, struct file *file)
{
  struct socket_record *r = &look->socket;
  __builtin_memset(r, 0, sizeof *r);
  if (!read_socket(r, file)) return 0;
  bool internet = r->family == AF_INET || r->family == AF_INET6;
  if (internet) recall(r);
  d->family = r->family;
  d->sock_type = r->sock_type;
  d->protocol = r->protocol;
  d->local_port = r->local_port;
  d->remote_port = r->remote_port;
  d->role = r->role;
  d->connected = r->connected;
  __builtin_memcpy(d->local_addr, r->local_addr, sizeof d->local_addr);
  __builtin_memcpy(d->remote_addr, r->remote_addr, sizeof d->remote_addr);
  d->sock = r->sock;
  d->peer = r->peer;
  return r->family == AF_UNIX ? read_bound_path(r) : 0;
}

static __always_inline __u32 describe_file(struct descriptor_block *d, struct scratch *s, __u32 slot, __u32 name_at,
                                           struct file *file, bool named)
{
  struct dentry *dentry = GET(file, file, f_path.dentry);
  struct fs_struct *fs = GET(task_struct, s->task, fs);
  // What has no path is told by its name.
  bool nameless = GET(dentry, dentry, d_parent) == dentry;
  if (!fs || (!nameless && !named)) return 0;
  if (name_at > TEXTS_END) {
    d->name_partial = 2;
    return 0;
  }
  begin_walk(s, PATH_OF(file, file, f_path), fs);
  int walked = append_path(slot, name_at, 0);
  __u32 state = walked >> 16;
  d->name_partial = state != WALK_OUTSIDE && state != WALK_COMPLETE;
  return walked & (PATH_ROOM - 1);
}

// Describes a descriptor of scratch->task at `at` of the record; where it leads stands at `name_at`, which of a path is
// told only when it is `named`. Returns the length of the name.
__noinline int append_descriptor(__u32 slot, __u32 at, __u32 name_at, __u32 fd, bool named)
{
  struct scratch *s = scratch_of(slot);
  __u32 length = 0;
  if (!s || !BOUND(at)) return 0;
  struct descriptor_block *d = (void *)IN_RECORD(s, at);
  __builtin_memset(d, 0, sizeof *d);
  struct file *file = standard_file(s->task, fd);
  if (!file) return 0;
  struct inode *inode = GET(file, file, f_inode);
  __u32 magic = GET(super_block, GET(inode, inode, i_sb), s_magic);
  d->magic = magic;
  d->file_flags = GET(file, file, f_flags);
  d->ino = GET(inode, inode, i_ino);
  if (magic == SOCKFS_MAGIC) {
    struct socket_look *look = bpf_map_lookup_elem(&looks, &slot);
    if (!look) return 0;
    length = look_at_socket(look, d, file) & 127;
    if (!BOUND(name_at)) length = 0;
    else bpf_probe_read_kernel(IN_RECORD(s, name_at), length, (char *)look + SOCKET_TEXTS_AT);
  } else if (magic != PIPEFS_MAGIC) {
    length = describe_file(d, s, slot, name_at, file, named);
  }
  d->name_length = length;
  return length;
}
