// What goes through io_uring passes no system call: the kernel's copy of the arguments is taken when a request is
// submitted, what came of it when it completes. It becomes the record of the system call that does the same.
#pragma once

#define URING_TEXT 1024   // longer paths are kept apart
#define URING_ADDRESS 112
#define CQE_SKIP_SUCCESS 64 // IOSQE_CQE_SKIP_SUCCESS and REQ_F_CQE_SKIP: no completion when it succeeds
#define ACCEPT_MULTISHOT 1  // IORING_ACCEPT_MULTISHOT

// Of a request that accepts again and again only this comes with each connection. A program may give a number twice.
struct uring_number { __u64 ring, number, tgid; };

struct uring_request {
  __u64 args[6];          // as the system call has them, but for texts and addresses
  struct uring_number number;
  __u32 which;
  bool again;             // it accepts again and again, as far as is known
  bool fixed;             // the descriptor it makes is none of the process's table
  bool cut;
  bool is_long;           // its texts are kept apart
  bool told;              // when it was submitted
  char address[URING_ADDRESS] __attribute__((aligned(8)));
  char text[2][URING_TEXT];
};
struct uring_long { char text[2][PATH_ROOM]; };

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 512);
  __type(key, __u64);        // address of the request
  __type(value, struct uring_request);
} requests SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 64);
  __type(key, __u64);        // the same
  __type(value, struct uring_long);
} long_requests SEC(".maps");

// What accepts again and again under one number.
struct uring_accepts {
  __u32 live;                // requests that have not completed
  __u32 fixed;               // as of a request; not when that is true of some only: no descriptor shall be hidden
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 256);  // fewer than requests, which tell when one of these was displaced
  __type(key, struct uring_number);
  __type(value, struct uring_accepts);
} accepting SEC(".maps");

// Of each ring how many requests were kept and have not completed, whether they are still there or were displaced.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 256);
  __type(key, __u64);
  __type(value, __s32);
} pending SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES); // as the scratches: one for each program
  __type(key, __u32);
  __type(value, struct uring_request);
} looked_at SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct uring_long);
} long_looked_at SEC(".maps");

static __always_inline enum call uring_call(__u8 opcode)
{
  switch (opcode) { // enum io_uring_op
  case 9: return CALL_SENDMSG;
  case 10: return CALL_RECVMSG;
  case 13: return CALL_ACCEPT;
  case 16: return CALL_CONNECT;
  case 18: return CALL_OPENAT;
  case 26: return CALL_SENDTO;
  case 27: return CALL_RECVFROM;
  case 28: return CALL_OPENAT2;
  case 35: return CALL_RENAMEAT2;
  case 36: return CALL_UNLINKAT;
  case 37: return CALL_MKDIRAT;
  case 38: return CALL_SYMLINKAT;
  case 39: return CALL_LINKAT;
  case 45: return CALL_SOCKET;
  case 47: return CALL_SENDTO; // without a copy of the data
  case 48: return CALL_SENDMSG; // likewise
  case 56: return CALL_BIND;
  case 57: return CALL_LISTEN;
  default: return CALL_NONE;
  }
}

static __always_inline bool is_wanted(enum call which)
{
  __u32 slot = which & (CALLS_ROOM - 1);
  return which && (filter.keep[slot] || filter.test[slot] || filter.by_comm[slot]);
}

// NAME_OF(type, operation, member): the name that an operation keeps.
#define NAME_OF(type, operation, member) ({ \
  struct filename *_name; \
  if (bpf_core_type_exists(struct delayed_filename)) \
    _name = GET(type##___since_7_0, operation, member.__incomplete_filename); \
  else _name = GET(type, operation, member); \
  _name; })

// Functions of their own, for what they have on the stack must not lie below that of the calls of finish_request.
static __noinline struct uring_long *long_here(void)
{
  __u32 zero = 0;
  return bpf_map_lookup_elem(&long_looked_at, &zero);
}

// Keeps one of the two texts whole; `alone`: the other one is not long, as far as is known.
static __noinline int keep_long_name(__u32 number, const char *name, bool alone)
{
  struct uring_long *l = long_here();
  if (!l) return 0;
  number &= 1;
  if (alone) l->text[0][0] = l->text[1][0] = 0;
  if (bpf_probe_read_kernel_str(l->text[number], PATH_ROOM, name) < 0) l->text[number][0] = 0;
  return 0;
}

// The scratch for a request, of which only that is known.
static __noinline struct uring_request *blank_request(__u32 slot, __u32 which)
{
  struct uring_request *r = bpf_map_lookup_elem(&looked_at, &slot);
  if (!r) return 0;
  __builtin_memset(r, 0, __builtin_offsetof(struct uring_request, text));
  r->text[0][0] = r->text[1][0] = 0;
  r->which = which;
  return r;
}

static __always_inline void begin_accepts(struct uring_request *r)
{
  struct uring_accepts first = { .live = 1, .fixed = r->fixed };
  struct uring_accepts *others = bpf_map_lookup_elem(&accepting, &r->number);
  if (!others) {
    bpf_map_update_elem(&accepting, &r->number, &first, BPF_ANY);
    return;
  }
  __sync_fetch_and_add(&others->live, 1);
  others->fixed &= r->fixed;
}

// Returns whether its connections could be told until now. By the number that it was kept with: a request that is refused
// completes, too, though it was never submitted.
static __noinline bool end_accepts(struct uring_request *r)
{
  struct uring_accepts *these = bpf_map_lookup_elem(&accepting, &r->number);
  if (!these) return 0;
  if (__sync_fetch_and_add(&these->live, -1) == 1) bpf_map_delete_elem(&accepting, &r->number);
  return 1;
}

static __noinline int count_pending(__u64 ring, __s32 change)
{
  __s32 *count = bpf_map_lookup_elem(&pending, &ring);
  if (count) __sync_fetch_and_add(count, change);
  else if (change > 0) bpf_map_update_elem(&pending, &ring, &change, BPF_ANY);
  return 0;
}

// Keeps a request until it completes.
static __noinline int keep_request(struct uring_request *r, __u64 request)
{
  __u64 key = request;
  bpf_map_update_elem(&requests, &key, r, BPF_ANY);
  struct uring_long *l = r->is_long ? long_here() : 0;
  if (l) bpf_map_update_elem(&long_requests, &key, l, BPF_ANY);
  if (r->again) begin_accepts(r);
  if (!r->told) count_pending(r->number.ring, 1);
  return 0;
}

static __always_inline void keep_name(struct uring_request *r, int number, struct filename *name)
{
  const char *text = GET(filename, name, name);
  long read = bpf_probe_read_kernel_str(r->text[number], URING_TEXT, text);
  if (read < 0) r->text[number][0] = 0;
  if (read != URING_TEXT) return;
  keep_long_name(number, text, !r->is_long);
  r->is_long = 1;
}

// The kernel's copy of a sockaddr: bare, or inside of io_async_msghdr, whose first word is an aligned pointer.
static __always_inline void keep_address(struct uring_request *r, __u64 data)
{
  __u16 family = 0;
  if (!data) return;
  bpf_probe_read_kernel(&family, sizeof family, (void *)data);
  if (family != AF_UNIX && family != AF_INET && family != AF_INET6) {
    struct io_async_msghdr *message = (void *)data;
    if (!bpf_core_field_exists(message->addr)) return;
    data += bpf_core_field_offset(struct io_async_msghdr, addr);
  }
  bpf_probe_read_kernel(r->address, sizeof r->address, (void *)data);
}

// Before Linux 6.10 the address is copied when the request is performed: until then it is in the caller's memory.
static __always_inline void keep_user_address(struct uring_request *r, __u64 from, __u32 size)
{
  barrier_var(size);
  if (size > URING_ADDRESS) size = URING_ADDRESS;
  if (read_user(r->address, size, from)) r->cut = 1;
}

// Whom a message goes to, if it says so; its length stands where sendto has it.
static __always_inline void keep_receiver(struct uring_request *r, __u64 at, __u64 data)
{
  struct io_async_msghdr *message = (void *)data;
  if (data) {
    if (!bpf_core_field_exists(message->addr) || !GET(io_async_msghdr, data, msg.msg_name)) return;
    r->args[5] = GET(io_async_msghdr, data, msg.msg_namelen);
    bpf_probe_read_kernel(r->address, sizeof r->address, (void *)data + bpf_core_field_offset(struct io_async_msghdr, addr));
    return;
  }
  if (!bpf_core_field_exists(((struct io_sr_msg *)at)->addr)) return;
  if (r->which == CALL_SENDTO) {
    r->args[5] = GET(io_sr_msg, at, addr_len);
    keep_user_address(r, WORD_AT(at + bpf_core_field_offset(struct io_sr_msg, addr)), r->args[5]);
    return;
  }
  struct user_message *given = (void *)r->address; // the stack has no room for it
  if (read_user(given, sizeof *given, WORD_AT(at + bpf_core_field_offset(struct io_sr_msg, umsg)))) return;
  r->args[5] = given->name_length;
  keep_user_address(r, given->name, r->args[5]);
}

// Every operation's own struct lies over the beginning of the request. The descriptor of the request itself is only in
// what the caller submitted, kept in cqe.fd until the result takes its place.
static __always_inline void keep_arguments(struct uring_request *r, struct io_kiocb *req)
{
  __u64 at = (__u64)req;
  r->args[0] = GET(io_kiocb, req, cqe.fd);
  switch (r->which) {
  case CALL_OPENAT:
  case CALL_OPENAT2:
    r->args[0] = GET(io_open, at, dfd);
    r->args[2] = GET(io_open, at, how.flags);
    r->args[3] = GET(io_open, at, how.mode);
    r->args[4] = GET(io_open, at, how.resolve);
    r->fixed = GET(io_open, at, file_slot);
    keep_name(r, 0, NAME_OF(io_open, at, filename));
    break;
  case CALL_UNLINKAT:
    r->args[0] = GET(io_unlink, at, dfd);
    r->args[2] = GET(io_unlink, at, flags);
    keep_name(r, 0, NAME_OF(io_unlink, at, filename));
    break;
  case CALL_MKDIRAT:
    r->args[0] = GET(io_mkdir, at, dfd);
    r->args[2] = GET(io_mkdir, at, mode);
    keep_name(r, 0, NAME_OF(io_mkdir, at, filename));
    break;
  case CALL_RENAMEAT2:
    r->args[0] = GET(io_rename, at, old_dfd);
    r->args[2] = GET(io_rename, at, new_dfd);
    r->args[4] = GET(io_rename, at, flags);
    keep_name(r, 0, NAME_OF(io_rename, at, oldpath));
    keep_name(r, 1, NAME_OF(io_rename, at, newpath));
    break;
  case CALL_LINKAT:
    r->args[0] = GET(io_link, at, old_dfd);
    r->args[2] = GET(io_link, at, new_dfd);
    r->args[4] = GET(io_link, at, flags);
    keep_name(r, 0, NAME_OF(io_link, at, oldpath));
    keep_name(r, 1, NAME_OF(io_link, at, newpath));
    break;
  case CALL_SYMLINKAT:
    r->args[1] = GET(io_link, at, new_dfd);
    keep_name(r, 0, NAME_OF(io_link, at, oldpath));
    keep_name(r, 1, NAME_OF(io_link, at, newpath));
    break;
  case CALL_SOCKET:
    r->args[0] = GET(io_socket, at, domain);
    r->args[1] = GET(io_socket, at, type);
    r->args[2] = GET(io_socket, at, protocol);
    r->fixed = GET(io_socket, at, file_slot);
    break;
  case CALL_ACCEPT:
    r->args[3] = GET(io_accept, at, flags);
    r->fixed = GET(io_accept, at, file_slot);
    // Before Linux 6.10 it is not kept.
    r->again = !bpf_core_field_exists(((struct io_accept *)at)->iou_flags) || GET(io_accept, at, iou_flags) & ACCEPT_MULTISHOT;
    break;
  case CALL_LISTEN:
    if (bpf_core_type_exists(struct io_listen)) r->args[1] = GET(io_listen, at, backlog); // since Linux 6.11
    break;
  case CALL_CONNECT:
    r->args[2] = GET(io_connect, at, addr_len);
    if (GET(io_kiocb, req, async_data)) keep_address(r, (__u64)GET(io_kiocb, req, async_data));
    // As a number: the verifier would not let a pointer lose its tag.
    else keep_user_address(r, WORD_AT(at + bpf_core_field_offset(struct io_connect, addr)), r->args[2]);
    break;
  case CALL_BIND:
    if (bpf_core_type_exists(struct io_bind)) r->args[2] = GET(io_bind, at, addr_len); // since Linux 6.11
    keep_address(r, (__u64)GET(io_kiocb, req, async_data));
    break;
  case CALL_SENDTO: r->args[2] = GET(io_sr_msg, at, len); // fall through
  case CALL_SENDMSG: keep_receiver(r, at, (__u64)GET(io_kiocb, req, async_data)); break;
  case CALL_RECVFROM: r->args[2] = GET(io_sr_msg, at, len); break;
  // Whom it came from stands there when it completes.
  case CALL_RECVMSG: r->args[1] = WORD_AT(at + bpf_core_field_offset(struct io_sr_msg, umsg));
  }
}

// Points the arguments that are texts to those that were kept; `l`: to long ones, 0 where there are none.
static __always_inline void point_to_texts(struct call_context *call, struct uring_request *r, struct uring_long *l)
{
  __u64 first = (__u64)r->text[0], second = (__u64)r->text[1];
  if (l && l->text[0][0]) first = (__u64)l->text[0];
  if (l && l->text[1][0]) second = (__u64)l->text[1];
  switch (call->which) {
  case CALL_SYMLINKAT:
    call->args[0] = first;
    call->args[2] = second;
    break;
  case CALL_RENAMEAT2:
  case CALL_LINKAT: call->args[3] = second; // fall through
  case CALL_OPENAT:
  case CALL_OPENAT2:
  case CALL_UNLINKAT:
  case CALL_MKDIRAT: call->args[1] = first; break;
  case CALL_CONNECT:
  case CALL_BIND: call->args[1] = (__u64)r->address; break;
  case CALL_SENDTO:
  case CALL_SENDMSG: call->args[4] = (__u64)r->address;
  }
}

static __always_inline void finish_request(struct uring_request *r, struct uring_long *l, __u64 file, __s64 result, __u32 slot)
{
  struct call_context call = { .ret = result, .which = r->which, .uring = slot, .fixed = r->fixed, .cut = r->cut };
  if (r->is_long && !l) call.cut = 1;
  __builtin_memcpy(call.args, r->args, sizeof call.args);
  point_to_texts(&call, r, l);
  // What makes a descriptor is about that one, not about the socket that it came through.
  if (!(shape_of(&call)->fd & FROM_RESULT)) call.file = file;
  send(&call, shape_of(&call)->kind == KIND_OPEN ? open_call(&call) : other_call(&call));
}

static __always_inline int submitted(struct io_kiocb *request)
{
  struct io_kiocb *req = bpf_ksym_exists(bpf_rdonly_cast) ? VIEW(io_kiocb, request) : request;
  enum call which = uring_call(GET(io_kiocb, req, opcode));
  __u32 slot = SCRATCH_SUBMIT, tgid = current_task()->tgid;
  if (!is_wanted(which) || !in_scope(tgid)) return 0;
  struct uring_request *r = blank_request(slot, which);
  if (!r) return 0;
  r->number.ring = (__u64)GET(io_kiocb, req, ctx);
  r->number.number = GET(io_kiocb, req, cqe.user_data);
  r->number.tgid = tgid;
  r->told = GET(io_kiocb, req, flags) & CQE_SKIP_SUCCESS;
  keep_arguments(r, req);
  keep_request(r, (__u64)request);
  // Nobody will tell of its success, so that is told now; of a failure its completion tells.
  if (r->told) {
    r->fixed = 1;
    finish_request(r, r->is_long ? long_here() : 0, 0, 0, slot);
  }
  return 0;
}

static __always_inline void lost(void)
{
  struct counters *c = counters_here();
  if (c) c->uring_lost++;
}

static __always_inline int completed(struct io_kiocb *req, __s32 result)
{
  enum call which = uring_call(GET(io_kiocb, req, opcode));
  __u32 tgid = current_task()->tgid, slot = SCRATCH_COMPLETE;
  if (!is_wanted(which)) return 0;
  __u64 key = (__u64)req;
  struct uring_request *r = bpf_map_lookup_elem(&requests, &key);
  bool known = r && r->which == which;
  if (known && r->again && !end_accepts(r)) lost();
  if (known && !r->told) count_pending(r->number.ring, -1);
  // Not by the process that asked: it has ended, or its context says nothing. What was cancelled did not happen.
  if (known && r->number.tgid != tgid) {
    if (result != -ECANCELED) lost();
    bpf_map_delete_elem(&requests, &key);
    return 0;
  }
  if (!in_scope(tgid)) return 0;
  if (!known) {
    // Displaced by too many others: what is left is that it was done, and to what.
    r = blank_request(slot, which);
    if (!r) return 0;
    r->cut = 1;
  }
  struct uring_long *l = r->is_long ? bpf_map_lookup_elem(&long_requests, &key) : 0;
  finish_request(r, l, (__u64)GET(io_kiocb, req, file), result, slot);
  if (known) bpf_map_delete_elem(&requests, &key);
  return 0;
}

// A connection of a request that accepts again and again; NULL when none has that number here: other operations complete
// more than once, too.
static __noinline struct uring_request *accepting_request(__u64 ring, __u64 user_data, __u64 tgid)
{
  struct uring_number number = { ring, user_data, tgid };
  struct uring_accepts *these = bpf_map_lookup_elem(&accepting, &number);
  struct uring_request *r = these ? blank_request(SCRATCH_COMPLETE, CALL_ACCEPT) : 0;
  if (r) r->fixed = these->fixed;
  return r;
}

// A connection came through such a request, of which no more is said here.
static __always_inline int accepted(__u64 ring, __u64 user_data, __s32 result)
{
  __u32 tgid = current_task()->tgid;
  if (!is_wanted(CALL_ACCEPT) || !in_scope(tgid)) return 0;
  struct uring_request *r = accepting_request(ring, user_data, tgid);
  if (r) finish_request(r, 0, 0, result, SCRATCH_COMPLETE);
  return 0;
}

// The request whose completion found the ring full: the kernel passes what it would have written there, not the request.
struct overflow_search {
  __u64 ring, user_data;
  __s32 result;
  __u32 flags;
  __u64 found;
  __s32 kept;                // of that ring, when it is not found
};

struct { // not on the stack: the verifier would follow what is counted there
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct overflow_search);
} searched SEC(".maps");

// A request that asks for no completion is still kept when it has ended, and looks as it did then.
static long overflow_step(void *map, const void *key, void *value, void *context)
{
  __u32 zero = 0;
  struct overflow_search *s = bpf_map_lookup_elem(&searched, &zero);
  struct uring_request *r = value;
  __u64 at = *(__u64 *)key;
  if (!s) return 1;
  if (r->number.ring != s->ring) return 0;
  if (!r->told) s->kept++;
  if (r->number.number != s->user_data || GET(io_kiocb, at, cqe.user_data) != s->user_data) return 0;
  if (GET(io_kiocb, at, cqe.res) != s->result || GET(io_kiocb, at, cqe.flags) != s->flags) return 0;
  if (uring_call(GET(io_kiocb, at, opcode)) != r->which || GET(io_kiocb, at, flags) & CQE_SKIP_SUCCESS) return 0;
  s->found = at;
  return 1;
}

static __noinline __u64 overflowing_request(__u64 ring, __u64 user_data, __s32 result, __u32 flags)
{
  __u32 zero = 0;
  struct overflow_search *s = bpf_map_lookup_elem(&searched, &zero);
  if (!s) return 0;
  *s = (struct overflow_search){ .ring = ring, .user_data = user_data, .result = result, .flags = flags };
  bpf_for_each_map_elem(&requests, overflow_step, 0, 0);
  __s32 *count = s->found ? 0 : bpf_map_lookup_elem(&pending, &ring);
  if (count && *count > s->kept) { // it may be one that was displaced
    __sync_fetch_and_add(count, -1);
    lost();
  }
  return s->found;
}

static __always_inline int overflowed(__u64 ring, __u64 user_data, __s32 result, __u32 flags)
{
  __u64 request = overflowing_request(ring, user_data, result, flags);
  return request ? completed((struct io_kiocb *)request, result) : 0;
}

// The tracepoints of the running kernel are the ones whose programs the loader loads.

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *request)
{
  return submitted(request);
}

SEC("tp_btf/io_uring_submit_sqe") // before Linux 6.3
int BPF_PROG(on_uring_submit_sqe, struct io_kiocb *request)
{
  return submitted(request);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ring, void *request, struct io_uring_cqe *cqe)
{
  if (!cqe) return 0;
  if (!request) return accepted((__u64)ring, GET(io_uring_cqe, cqe, user_data), GET(io_uring_cqe, cqe, res));
  return completed(request, GET(io_uring_cqe, cqe, res));
}

SEC("tp_btf/io_uring_complete") // before Linux 6.16
int BPF_PROG(on_uring_complete_numbers, void *ring, void *request, __u64 user_data, int result, __u32 flags)
{
  return request ? completed(request, result) : accepted((__u64)ring, user_data, result);
}

SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(on_uring_overflow, void *ring, __u64 user_data, int result, __u32 flags)
{
  return overflowed((__u64)ring, user_data, result, flags);
}
