// System calls, read when they return: the registers still hold the arguments then.
#pragma once

struct call_context {
  struct task_struct *task;
  struct scratch *scratch;
  __u64 a, b, c, d; // the first four arguments
  long ret;
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
static __always_inline void read_arguments(struct call_context *call, struct pt_regs *regs, bool compat)
{
  call->a = compat ? (__u32)regs->bx : regs->di;
  call->b = compat ? (__u32)regs->cx : regs->si;
  call->c = compat ? (__u32)regs->dx : regs->dx;
  call->d = compat ? (__u32)regs->si : regs->r10;
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
static __always_inline void read_arguments(struct call_context *call, struct pt_regs *regs, bool compat)
{
  __u64 mask = compat ? 0xffffffff : ~0ull;
  call->a = regs->orig_x0 & mask; // regs[0] already holds the result
  call->b = regs->regs[1] & mask;
  call->c = regs->regs[2] & mask;
  call->d = regs->regs[3] & mask;
}
#endif

static __always_inline void send(struct call_context *call, __u32 at, enum record_kind kind)
{
  __u32 size = finish(call->scratch, at);
  if (size && size <= sizeof call->scratch->record) emit(call->scratch->record, size, kind);
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

// Appends the path as the caller wrote it and, where it needs one, its base; returns the end.
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

struct open_how { __u64 flags, mode, resolve; };
_Static_assert(OPEN_RAW == 0 && OPEN_BASE == 1, "raw_and_base's order");
_Static_assert(EXEC_FAILED_RAW == 0 && EXEC_FAILED_BASE == 1, "raw_and_base's order");

static __always_inline void read_open_arguments(struct call_context *call, enum call which, struct open_record *r,
                                                __u64 *path)
{
  struct open_how how = {};
  *path = call->a;
  r->dirfd = AT_FDCWD;
  switch (which) {
  case CALL_CREAT:
    r->nr = 85;
    how.flags = 01101; // O_CREAT | O_WRONLY | O_TRUNC
    how.mode = call->b;
    break;
  case CALL_OPEN:
    r->nr = 2;
    how.flags = call->b;
    how.mode = call->c;
    break;
  default:
    r->dirfd = call->a;
    *path = call->b;
    r->nr = which == CALL_OPENAT ? 257 : 437;
    if (which == CALL_OPENAT) {
      how.flags = call->c;
      how.mode = call->d;
    } else if (bpf_probe_read_user(&how, sizeof how, (void *)call->c)) {
      r->header.flags |= FLAG_UNREAD;
    }
  }
  r->open_flags = how.flags;
  r->mode = how.mode;
  r->resolve = how.resolve;
}

static __always_inline void on_open(struct call_context *call, enum call which)
{
  struct scratch *s = call->scratch;
  struct open_record *r = (void *)s->record;
  __u64 path;
  r->ret = call->ret;
  read_open_arguments(call, which, r, &path);
  __u32 at = raw_and_base(call, r->lengths, OPEN_TEXTS_AT, path, r->dirfd, r->resolve & RESOLVE_IN_ROOT);
  struct file *file = call->ret < 0 ? 0 : file_of(call->task, call->ret);
  struct fs_struct *fs = call->task->fs;
  __u32 length = 0;
  r->created = r->dev = r->file_mode = r->file_flags = r->magic = r->ino = 0;
  if (file && fs) {
    struct inode *inode = GET(file, file, f_inode);
    struct super_block *sb = GET(inode, inode, i_sb);
    r->created = !!(GET(file, file, f_mode) & FMODE_CREATED);
    r->ino = GET(inode, inode, i_ino);
    r->dev = device_of(sb);
    r->file_mode = GET(inode, inode, i_mode);
    r->file_flags = GET(file, file, f_flags);
    r->magic = GET(super_block, sb, s_magic);
    length = path_text(s, SCRATCH_CALL, at, PATH_OF(file, file, f_path), fs);
  }
  r->lengths[OPEN_REAL] = length;
  send(call, at + length, KIND_OPEN);
}

static __always_inline void read_socket(struct connect_record *r, struct file *file)
{
  struct inode *inode = GET(file, file, f_inode);
  if (GET(super_block, GET(inode, inode, i_sb), s_magic) != SOCKFS_MAGIC) return;
  struct sock *sk = GET(socket, GET(file, file, private_data), sk);
  if (!sk) return;
  r->ino = GET(inode, inode, i_ino);
  r->sock = (__u64)sk;
  r->family = GET(sock, sk, __sk_common.skc_family);
  r->sock_type = GET_BITFIELD(sock, sk, sk_type);
  r->protocol = GET_BITFIELD(sock, sk, sk_protocol);
  r->state = GET(sock, sk, __sk_common.skc_state);
  if (r->family == AF_UNIX) {
    r->peer = (__u64)GET(unix_sock, sk, peer);
    return;
  }
  if (r->family != AF_INET && r->family != AF_INET6) return;
  r->local_port = GET(sock, sk, __sk_common.skc_num);
  r->remote_port = __builtin_bswap16(GET(sock, sk, __sk_common.skc_dport));
  if (r->family == AF_INET) {
    __u32 local = GET(sock, sk, __sk_common.skc_rcv_saddr);
    if (!local) local = GET(inet_sock, sk, inet_saddr);
    *(__u32 *)r->local_addr = local;
    *(__u32 *)r->remote_addr = GET(sock, sk, __sk_common.skc_daddr);
  } else {
    bpf_core_read(r->local_addr, sizeof r->local_addr, &sk->__sk_common.skc_v6_rcv_saddr);
    bpf_core_read(r->remote_addr, sizeof r->remote_addr, &sk->__sk_common.skc_v6_daddr);
  }
}

struct socket_address {
  __u16 family;
  __be16 port;
  __u32 v4_or_flow;
  __u8 v6[16];
};

// The address that the caller gave: after a failure the socket does not know it. Returns the length of a unix path.
static __always_inline __u32 read_address(struct scratch *s, __u64 from, __u32 size)
{
  struct connect_record *r = (void *)s->record;
  struct socket_address address = {};
  if (size < sizeof address.family) return 0;
  barrier_var(size); // else the compiler bounds another register than it passes on
  if (size > sizeof address) size = sizeof address;
  if (bpf_probe_read_user(&address, size, (void *)from)) {
    r->header.flags |= FLAG_UNREAD;
    return 0;
  }
  r->addr_family = address.family;
  if (address.family == AF_INET || address.family == AF_INET6) {
    r->addr_port = __builtin_bswap16(address.port);
    if (address.family == AF_INET) *(__u32 *)r->addr = address.v4_or_flow;
    else __builtin_memcpy(r->addr, address.v6, sizeof r->addr);
  }
  return address.family == AF_UNIX;
}

static __always_inline __u32 read_unix_path(struct scratch *s, __u64 from, __u32 size)
{
  struct record_header *header = (void *)s->record;
  char *to = s->record + CONNECT_TEXTS_AT;
  __u32 room = size - sizeof(__u16);
  if (size <= sizeof(__u16)) return 0;
  barrier_var(room);
  if (room > CONNECT_UNIX_PATH_MAX) room = CONNECT_UNIX_PATH_MAX;
  if (bpf_probe_read_user(to, room, (void *)from + sizeof(__u16))) {
    header->flags |= FLAG_UNREAD;
    return 0;
  }
  if (!to[0]) return room; // abstract: every byte of it is the name
  to[room] = 0;
  long read = bpf_probe_read_kernel_str(to, CONNECT_UNIX_PATH_MAX + 1, to);
  return read > 0 ? (read - 1) & 127 : 0;
}

static __always_inline void on_connect(struct call_context *call)
{
  struct scratch *s = call->scratch;
  struct connect_record *r = (void *)s->record;
  __builtin_memset(s->record + sizeof r->header, 0, sizeof *r - sizeof r->header);
  r->ret = call->ret;
  r->fd = call->a;
  struct file *file = file_of(call->task, r->fd);
  if (file) read_socket(r, file);
  __u32 size = call->c, length = 0;
  if (read_address(s, call->b, size)) length = read_unix_path(s, call->b, size);
  r->lengths[CONNECT_UNIX_PATH] = length;
  send(call, CONNECT_TEXTS_AT + length, KIND_CONNECT);
}

// IA-32's socketcall has the arguments in memory. Makes the context that of a connect, or says that it is none.
static __always_inline bool unpack_socketcall(struct call_context *call)
{
  __u32 arguments[3];
  if (call->a != 3 /* SYS_CONNECT */) return 0;
  if (bpf_probe_read_user(arguments, sizeof arguments, (void *)call->b)) return 0;
  call->a = arguments[0];
  call->b = arguments[1];
  call->c = arguments[2];
  return 1;
}

static __always_inline void on_chdir(struct call_context *call, enum call which)
{
  struct fs_struct *fs = call->task->fs;
  struct chdir_record *r = (void *)call->scratch->record;
  if (!fs) return;
  r->ret = call->ret;
  r->nr = which == CALL_CHDIR ? 80 : 81;
  r->pad3 = 0;
  __u32 length = path_text(call->scratch, SCRATCH_CALL, CHDIR_TEXTS_AT, PATH_OF(fs_struct, fs, pwd), fs);
  r->lengths[CHDIR_CWD] = length;
  send(call, CHDIR_TEXTS_AT + length, KIND_CHDIR);
}

static __always_inline void on_failed_exec(struct call_context *call, enum call which)
{
  struct exec_failed_record *r = (void *)call->scratch->record;
  bool at_call = which == CALL_EXECVEAT;
  r->ret = call->ret;
  r->nr = at_call ? 322 : 59;
  r->dirfd = at_call ? (__s32)call->a : AT_FDCWD;
  __u32 at = raw_and_base(call, r->lengths, EXEC_FAILED_TEXTS_AT, at_call ? call->b : call->a, r->dirfd, 0);
  send(call, at, KIND_EXEC_FAILED);
}

// What a call becomes; 0 when its outcome is of no interest.
static __always_inline __u32 kind_of(enum call which, long ret)
{
  switch (which) {
  case CALL_OPEN:
  case CALL_CREAT:
  case CALL_OPENAT:
  case CALL_OPENAT2: return KIND_OPEN;
  case CALL_CONNECT:
  case CALL_SOCKETCALL: return KIND_CONNECT;
  case CALL_CHDIR:
  case CALL_FCHDIR: return ret < 0 ? 0 : KIND_CHDIR;
  case CALL_EXECVE:
  case CALL_EXECVEAT: return ret < 0 ? KIND_EXEC_FAILED : 0; // success is sched_process_exec's
  default: return 0;
  }
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call, struct pt_regs *regs, long ret)
{
  __u32 number = call_number(regs);
  if (number >= CALL_NUMBERS) return 0;
  __u32 both = config.calls[number];
  if (!both) return 0;
  struct call_context call = { .task = untrusted(bpf_get_current_task_btf()), .ret = ret };
  if (!in_scope(call.task->tgid)) return 0;
  bool compat = is_compat(call.task);
  enum call which = compat ? both >> 8 : both & 0xff;
  __u32 kind = kind_of(which, ret);
  if (!kind || (kind == KIND_OPEN && refused(KIND_OPEN))) return 0;
  read_arguments(&call, regs, compat);
  if (which == CALL_SOCKETCALL && !unpack_socketcall(&call)) return 0;
  call.scratch = scratch_of(SCRATCH_CALL);
  if (!call.scratch) return 0;
  identify((void *)call.scratch->record, call.task, kind, compat ? FLAG_COMPAT : 0);
  switch (kind) {
  case KIND_OPEN: on_open(&call, which); break;
  case KIND_CONNECT: on_connect(&call); break;
  case KIND_CHDIR: on_chdir(&call, which); break;
  default: on_failed_exec(&call, which);
  }
  return 0;
}
