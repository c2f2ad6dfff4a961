// Calls on sockets: both ends are asked of the socket, the address that the caller gave is read from its memory.
#pragma once

static __always_inline bool is_socket(struct file *file)
{
  struct inode *inode = GET(file, file, f_inode);
  return GET(super_block, GET(inode, inode, i_sb), s_magic) == SOCKFS_MAGIC;
}

static __always_inline void read_ends(struct socket_record *r, struct sock *sk)
{
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

static __always_inline struct sock *sock_of(struct file *file)
{
  return is_socket(file) ? GET(socket, GET(file, file, private_data), sk) : 0;
}

static __always_inline struct sock *read_socket(struct socket_record *r, struct file *file)
{
  struct sock *sk = sock_of(file);
  if (!sk) return 0;
  struct inode *inode = GET(file, file, f_inode);
  r->ino = GET(inode, inode, i_ino);
  r->sock = (__u64)sk;
  r->family = GET(sock, sk, __sk_common.skc_family);
  r->sock_type = GET_BITFIELD(sock, sk, sk_type);
  r->protocol = GET_BITFIELD(sock, sk, sk_protocol);
  r->state = GET(sock, sk, __sk_common.skc_state);
  if (r->family == AF_UNIX) r->peer = (__u64)GET(unix_sock, sk, peer);
  if (is_internet(r->family)) read_ends(r, sk);
  return sk;
}

struct socket_address {
  __u16 family;
  __be16 port;
  __u32 v4_or_flow;
  __u8 v6[16];
};

// The address that the caller gave: after a failure the socket does not know it. Returns whether it is a unix path.
// `sends`: what is sent over IPv4 needs no family.
static __always_inline bool read_address(struct socket_record *r, __u64 from, __u32 size, bool kernel, bool sends)
{
  struct socket_address address = {};
  if (size < sizeof address.family) return 0;
  barrier_var(size); // else the compiler bounds another register than it passes on
  if (size > sizeof address) size = sizeof address;
  if (read_caller(&address, size, from, kernel)) {
    r->header.flags |= FLAG_UNREAD;
    return 0;
  }
  if (sends && r->family == AF_INET && address.family == AF_UNSPEC) address.family = AF_INET;
  r->addr_family = address.family;
  if (address.family == AF_INET || address.family == AF_INET6) {
    r->addr_port = __builtin_bswap16(address.port);
    if (address.family == AF_INET) *(__u32 *)r->addr = address.v4_or_flow;
    else __builtin_memcpy(r->addr, address.v6, sizeof r->addr);
  }
  return address.family == AF_UNIX;
}

// Cuts the path that stands in the record to its length; an abstract name begins with NUL, and every byte is the name.
static __always_inline __u32 unix_length(char *path, __u32 room)
{
  if (!path[0]) return room;
  path[room] = 0;
  long read = bpf_probe_read_kernel_str(path, SOCKET_UNIX_PATH_MAX + 1, path);
  return read > 0 ? (read - 1) & 127 : 0;
}

static __always_inline __u32 read_unix_path(struct socket_record *r, __u64 from, __u32 size, bool kernel)
{
  char *to = (char *)r + SOCKET_TEXTS_AT;
  __u64 room = (__u64)size - sizeof(__u16);
  if (size <= sizeof(__u16)) return 0;
  barrier_var(room);
  if (room > SOCKET_UNIX_PATH_MAX) room = SOCKET_UNIX_PATH_MAX;
  if (read_caller(to, room, from + sizeof(__u16), kernel)) {
    r->header.flags |= FLAG_UNREAD;
    return 0;
  }
  return unix_length(to, room);
}

// The path that a unix socket was bound to: its own, else its peer's.
static __always_inline __u32 read_bound_path(struct socket_record *r)
{
  char *to = (char *)r + SOCKET_TEXTS_AT;
  struct unix_address *address = GET(unix_sock, r->sock, addr);
  if (!address && r->peer) address = GET(unix_sock, r->peer, addr);
  if (!address) return 0;
  __u64 room = GET(unix_address, address, len) - sizeof(__u16);
  if (!room) return 0;
  barrier_var(room);
  if (room > SOCKET_UNIX_PATH_MAX) room = SOCKET_UNIX_PATH_MAX;
  __u64 name = (__u64)address + bpf_core_type_size(struct unix_address) + sizeof(__u16);
  if (bpf_probe_read_kernel(to, room, (void *)name)) return 0;
  return unix_length(to, room);
}

static __always_inline bool has_file(__u64 sock)
{
  return sock && GET(unix_sock, sock, path.dentry);
}

// Begins the walk up from the file that a unix socket is bound to, or its peer; 0: there is none. A function of its own, for the
// stack of who calls it lies below other calls, too.
__noinline int begin_bound_walk(__u32 slot, bool of_peer)
{
  struct scratch *s = scratch_of(slot);
  struct fs_struct *fs = current_task()->fs;
  if (!s || !fs) return 0;
  struct socket_record *r = (void *)s->record;
  __u64 sock = of_peer ? r->peer : r->sock;
  if (!has_file(sock)) sock = of_peer ? r->sock : r->peer;
  if (!has_file(sock)) return 0;
  begin_walk(s, PATH_OF(unix_sock, sock, path), fs);
  return 1;
}

static __always_inline bool is_send(__u32 which)
{
  return which == CALL_SENDTO || which == CALL_SENDMSG || which == CALL_SENDMMSG;
}

static __always_inline bool moves_data(__u32 which)
{
  return is_send(which) || which == CALL_RECVFROM || which == CALL_RECVMSG || which == CALL_RECVMMSG;
}

// Whether the address is a copy of the kernel's: that of who sent a message stands where the program wants it.
static __always_inline bool is_kept_by_kernel(struct call_context *call)
{
  return call->uring && call->which != CALL_RECVMSG;
}

struct user_message { __u64 name; __u32 name_length; };
struct compat_message { __u32 name, name_length; };

// Where the caller's sockaddr is, and its length; 0 for none.
static __always_inline __u64 find_address(struct call_context *call, struct socket_record *r, __u32 *length)
{
  __u8 where = shape_of(call)->address;
  if (!where) return 0;
  if (is_kept_by_kernel(call) && moves_data(call->which)) { // in the place of sendto's, if there is one
    *length = r->args[5];
    return r->args[4];
  }
  __u32 at = (where & REGISTER) - 1;
  __u64 value = r->args[at & 7], next = r->args[(at + 1) & 7];
  if (where & IN_MESSAGE) {
    struct user_message message = {};
    struct compat_message small = {};
    if (call->compat ? read_user(&small, sizeof small, value) : read_user(&message, sizeof message, value)) return 0;
    *length = call->compat ? small.name_length : message.name_length;
    return call->compat ? small.name : message.name;
  }
  *length = next;
  if (where & LENGTH_BEHIND && read_user(length, sizeof *length, next)) return 0;
  return value;
}

// Three things about a socket are history: who came first, whether it has sent, whom it talked to last. Forgotten ones
// cost a name that seems to have changed.
struct socket_key { __u64 sock, ino; };
struct socket_history {
  __u8 peer[16];
  __u16 port;
  __u8 role, sent;
  __u32 pad;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, struct socket_key);
  __type(value, struct socket_history);
} histories SEC(".maps");

// What is known of a socket that no call of its own tells of.
static __always_inline void recall(struct socket_record *r)
{
  struct socket_key key = { r->sock, r->ino };
  struct socket_history *known = bpf_map_lookup_elem(&histories, &key);
  r->role = known && known->role ? known->role : guessed_role(r);
  r->connected = r->state == TCP_ESTABLISHED || (known && known->sent);
}

// The role that a call gives to its socket.
static __always_inline enum role given_role(struct call_context *call, struct socket_record *r)
{
  if (call->ret < 0 && call->ret != -EINPROGRESS) return ROLE_UNKNOWN;
  switch (call->which) {
  case CALL_CONNECT: return r->addr_family ? ROLE_CLIENT : ROLE_UNKNOWN;
  case CALL_BIND: return r->local_port ? ROLE_SERVER : ROLE_UNKNOWN;
  case CALL_LISTEN:
  case CALL_ACCEPT:
  case CALL_ACCEPT4: return ROLE_SERVER;
  default: return ROLE_UNKNOWN;
  }
}

// Whether what is remembered of the socket can tell more than the call and the socket do. A new one has no history, and
// a stream that connects or fails to begins one: to look for it is to look in memory that is not at hand.
static __always_inline bool has_history(struct call_context *call, struct socket_record *r)
{
  if (call->which == CALL_CONNECT) return filter.history && r->sock_type != SOCK_STREAM;
  return call->which != CALL_SOCKET;
}

// Whether a connect need not be remembered: a socket of TCP tells itself what role that gave to it, and of others nobody may
// ask. To remember it would be half of what is added to a connect.
static __always_inline bool is_forgotten(struct call_context *call, struct sock *sk)
{
  return call->which == CALL_CONNECT && (!filter.history || is_tcp(sk));
}

// The other end of a datagram is the address that came with it. Raw sockets have no ports, and those of IPv6 take an address
// of IPv4, too.
static __always_inline void take_end(struct socket_record *r)
{
  __u32 *remote = (__u32 *)r->remote_addr;
  if (r->addr_family == r->family) {
    __builtin_memcpy(remote, r->addr, sizeof r->addr);
  } else if (r->family == AF_INET6 && r->addr_family == AF_INET) {
    remote[0] = remote[1] = 0;
    remote[2] = MAPPED_PREFIX;
    remote[3] = *(__u32 *)r->addr;
  } else {
    return;
  }
  r->remote_port = r->addr_port;
}

// Fills in role, changed and connected, and of a datagram the other end.
static __always_inline void read_history(struct call_context *call, struct socket_record *r)
{
  struct socket_key key = { r->sock, r->ino };
  struct socket_history *known = has_history(call, r) ? bpf_map_lookup_elem(&histories, &key) : 0;
  bool datagram = moves_data(call->which) && r->sock_type != SOCK_STREAM && call->ret >= 0;
  enum role given = given_role(call, r);
  if (datagram) take_end(r);
  r->role = given ? given : known && known->role ? known->role : guessed_role(r);
  r->connected = r->state == TCP_ESTABLISHED || (known && known->sent) || (datagram && is_send(call->which));
  __u64 *peer = (__u64 *)r->remote_addr;
  bool has_peer = r->remote_port || peer[0] || peer[1];
  if (datagram && has_peer) {
    __u64 *before = known ? (__u64 *)known->peer : peer;
    r->changed = !known || before[0] != peer[0] || before[1] != peer[1] || known->port != r->remote_port;
  }
  bool sent = (known && known->sent) || (datagram && is_send(call->which));
  if (!given && !datagram) return;
  struct sock *sk = (void *)r->sock;
  if (is_forgotten(call, sk)) return;
  if (!given && !r->changed && known && known->sent == sent) return;
  // What the socket tells itself is right also when a call that changes it is not seen.
  if (!known && is_tcp(sk) && given == guessed_role(r)) return;
  struct socket_history history = { .port = r->remote_port, .role = r->role, .sent = sent };
  __builtin_memcpy(history.peer, r->remote_addr, sizeof history.peer);
  bpf_map_update_elem(&histories, &key, &history, BPF_ANY);
}

// Of the socket that listens: what it gives has queues of its own.
static __always_inline void read_queue(struct call_context *call, struct socket_record *r)
{
  struct file *file = call->uring ? (void *)call->file : file_of(current_task(), (__s32)call->args[0]);
  struct sock *sk = call->ret >= 0 && file ? sock_of(file) : 0;
  if (!sk) return;
  r->queue_len = GET(sock, sk, sk_ack_backlog);
  r->queue_max = GET(sock, sk, sk_max_ack_backlog);
}

// Fills in what is known of the socket, from `family` on; returns whether the address that the caller gave is a unix
// path. A global function is verified once, not at each of its calls.
__noinline int describe_socket(struct call_context *call, struct socket_record *r)
{
  if (!call || !r) return 0;
  struct file *file = (void *)call->file;
  __builtin_memset((char *)r + __builtin_offsetof(struct socket_record, family), 0,
                   sizeof *r - __builtin_offsetof(struct socket_record, family));
  struct sock *sk = file ? read_socket(r, file) : 0;
  __u32 size = 0;
  __u64 address = find_address(call, r, &size);
  bool is_path = address && read_address(r, address, size, is_kept_by_kernel(call), is_send(call->which));
  if (sk && is_internet(r->family)) read_history(call, r);
  if (call->which == CALL_ACCEPT || call->which == CALL_ACCEPT4) read_queue(call, r);
  return is_path;
}

// Records without a text are put together in the ring itself.
#define SOCKET_ROOM ((SOCKET_TEXTS_AT + 7) & ~7)

// Sends what an internet socket was asked for; returns 0 when it cannot be put together in the ring, or that is full.
static __always_inline bool socket_in_ring(struct call_context *call, struct socket_record *begun)
{
  char *record = bpf_ringbuf_reserve(&ring, SOCKET_ROOM, 0);
  if (!record) return 0;
  struct socket_record *r = (void *)record;
  identify(&r->header, bpf_get_current_task_btf(), KIND_SOCKET);
  r->header.flags = begun->header.flags;
  r->header.size = SOCKET_ROOM;
  r->ret = call->ret;
  r->nr = begun->nr;
  r->fd = begun->fd;
  __builtin_memcpy(r->args, call->args, sizeof r->args);
  if (describe_socket(call, r)) {
    bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
    return 0;
  }
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  emitted(counters_here(), counted_as(call), SOCKET_ROOM, 0);
  return 1;
}

static __always_inline enum socket_kind kind_of(struct sock *sk, __u16 family)
{
  if (family == AF_UNIX) return SOCKET_UNIX;
  if (!sk || !is_internet(family)) return SOCKET_OTHER;
  bool is_tcp = is_stream(sk) || GET_BITFIELD(sock, sk, sk_protocol) == IPPROTO_TCP;
  return is_tcp ? SOCKET_TCP : SOCKET_OTHER_IP;
}

// Whether the caller gave an address that says whom to connect to; without one nothing is known of the other end.
static __always_inline bool names_family(struct call_context *call, struct socket_record *r)
{
  __u32 size = 0;
  __u16 family = AF_UNSPEC;
  __u64 address = find_address(call, r, &size);
  if (address && size >= sizeof family) read_caller(&family, sizeof family, address, call->uring);
  return family;
}

// Whether the socket itself tells its ends, and nothing of the call has to be remembered.
static __always_inline bool tells_ends(struct call_context *call, struct sock *sk)
{
  return call->which == CALL_CONNECT ? is_forgotten(call, sk) : is_stream(sk);
}

// Whether the ends that the socket tells are wanted.
static __always_inline bool socket_passes(struct call_context *call, struct socket_record *r, struct sock *sk, __u32 bit)
{
  r->family = GET(sock, sk, __sk_common.skc_family);
  read_ends(r, sk);
  return ends_pass(slot_of(call), bit) || (call->which == CALL_CONNECT && !names_family(call, r));
}

// Whether what is said of a socket is wanted: the ends of those of the internet, the path of others.
static __always_inline bool described_passes(struct call_context *call, struct socket_record *r, __u32 bit)
{
  __u32 slot = slot_of(call);
  if (is_internet(r->family)) return ends_pass(slot, bit) || (call->which == CALL_CONNECT && !r->addr_family);
  if (r->header.flags & FLAG_UNREAD) return 1;
  __u32 length = r->lengths[SOCKET_UNIX_PATH], real = r->lengths[SOCKET_REAL];
  if (length && classes_of(slot, SOCKET_TEXTS_AT, length, 0, 0) & bit) return 1;
  return real && (__u32)classes_of(slot, SOCKET_TEXTS_AT + length, real, 0, 0) >> 16 & bit;
}

// Whether a unix socket of the call leads to what its peer is bound to; others are bound themselves.
static __always_inline bool leads_to_peer(__u32 which)
{
  return which == CALL_CONNECT || is_send(which);
}

static __always_inline __u32 on_socket(struct call_context *call, struct scratch *s)
{
  struct socket_record *r = (void *)s->record;
  if (!call->file) call->file = (__u64)file_of(current_task(), r->fd);
  struct sock *sk = call->file ? sock_of((void *)call->file) : 0;
  __u16 family = sk ? GET(sock, sk, __sk_common.skc_family) : AF_UNSPEC;
  bool internet = is_internet(family);
  __u32 bit = class_bit(kind_of(sk, family), call->ret);
  bool open = !is_kept(call, bit); // it depends on what is said of it
  if (open) {
    if (!(filter.test[call->which & (CALLS_ROOM - 1)] & bit)) return not_sent(call);
    if (internet && tells_ends(call, sk)) {
      if (!socket_passes(call, r, sk, bit)) return not_sent(call);
      open = 0;
    }
  }
  if (!open) {
    if (!has_room(call)) return 0;
    if (internet && !shape_of(call)->data && !call->uring && !has_state(call) && socket_in_ring(call, r)) return 0;
  }
  __u32 size = 0, length = 0;
  if (describe_socket(call, r)) {
    __u64 address = find_address(call, r, &size);
    length = read_unix_path(r, address, size, is_kept_by_kernel(call));
  }
  if (!length && sk && r->family == AF_UNIX) length = read_bound_path(r);
  r->lengths[SOCKET_UNIX_PATH] = length;
  length += SOCKET_TEXTS_AT;
  if (sk && r->family == AF_UNIX && (filter.real || filter.tests.real & bit) &&
      begin_bound_walk(slot_of(call), leads_to_peer(call->which))) {
    __u32 real = walked_text(s, slot_of(call), length, 0);
    r->lengths[SOCKET_REAL] = real;
    length += real;
  }
  if (open) {
    if (!described_passes(call, r, bit)) return not_sent(call);
    if (!has_room(call)) return 0;
  }
  __u32 data = moved_data(call, length);
  r->lengths[SOCKET_DATA] = data;
  length += data;
  __u32 control = control_data(call, length);
  r->lengths[SOCKET_CONTROL] = control;
  r->args[5] = vector_room(call);
  return finished(call, s, length + control, KIND_SOCKET);
}

// The record's fixed part before `family` is filled in. Returns the size of what is left to send; 0: nothing.
__noinline int socket_call(struct call_context *call)
{
  struct scratch *s = call ? scratch_of(slot_of(call)) : 0;
  return s ? on_socket(call, s) : 0;
}
