// The data that a call moves: its beginning, when somebody reads it.
#pragma once

#define VECTORS 64 // buffers of one call that are looked at

struct user_vector { __u64 base, length; };
struct compat_vector { __u32 base, length; };
// The part of a msghdr that follows the address.
struct user_buffers { __u64 vectors, count, control, control_length; };
struct compat_buffers { __u32 vectors, count, control, control_length; };
#define BUFFERS_AT 16
#define COMPAT_BUFFERS_AT 8

struct data_walk {
  __u64 vectors, count;
  struct scratch *scratch;
  __u32 at, left;
  bool compat;
};

// Appends so much of a buffer as there is room for; false when it could not be read.
static __always_inline bool append_buffer(struct data_walk *w, __u64 from, __u64 length)
{
  __u32 at = w->at, size = length < w->left ? length : w->left;
  barrier_var(size); // else the compiler bounds another register than it passes on
  size &= PATH_ROOM - 1;
  if (!BOUND(at) || read_user(IN_RECORD(w->scratch, at), size, from)) return 0;
  w->at += size;
  w->left -= size;
  return 1;
}

static long vector_step(__u64 index, struct data_walk *w)
{
  struct user_vector vector = {};
  struct compat_vector small = {};
  if (index >= w->count || !w->left) return 1;
  __u64 from = w->vectors + index * (w->compat ? sizeof small : sizeof vector);
  if (w->compat ? read_user(&small, sizeof small, from) : read_user(&vector, sizeof vector, from)) return 1;
  __u64 base = w->compat ? small.base : vector.base, length = w->compat ? small.length : vector.length;
  return !append_buffer(w, base, length);
}

// Reads where the buffers of a msghdr are.
static __always_inline bool message_buffers(struct user_buffers *buffers, __u64 message, bool compat)
{
  struct compat_buffers small = {};
  __u64 from = message + (compat ? COMPAT_BUFFERS_AT : BUFFERS_AT);
  if (!compat) return !read_user(buffers, sizeof *buffers, from);
  if (read_user(&small, sizeof small, from)) return 0;
  *buffers = (struct user_buffers){ small.vectors, small.count, small.control, small.control_length };
  return 1;
}

struct data_place {
  __u64 args[6];
  __s64 ret;
  __u32 slot, at;
  __u8 data; // as in the shape
  bool compat;
};

// Appends the data of a call; returns its length. What fails has moved nothing, but what the program wanted to send is
// known. A global function is verified once, not at each of its calls.
__noinline int append_data(struct data_place *p)
{
  struct scratch *s = p ? scratch_of(p->slot) : 0;
  if (!s) return 0;
  __u32 where = p->data, number = (where & REGISTER) - 1;
  __u64 from = p->args[number & 7], next = p->args[(number + 1) & 7];
  if (p->ret <= 0 && !(where & FROM_PROGRAM)) return 0;
  struct data_walk w = { .scratch = s, .at = p->at, .left = filter.data, .compat = p->compat };
  if (p->ret > 0 && p->ret < w.left) w.left = p->ret;
  if (where & IN_VECTOR) {
    w.vectors = from;
    w.count = next;
  } else if (where & IN_MESSAGE) {
    struct user_buffers buffers = {};
    if (!message_buffers(&buffers, from, w.compat)) return 0;
    w.vectors = buffers.vectors;
    w.count = buffers.count;
  } else {
    append_buffer(&w, from, p->ret > 0 ? p->ret : next);
    return (w.at - p->at) & (PATH_ROOM - 1);
  }
  bpf_loop(VECTORS, vector_step, &w, 0);
  return (w.at - p->at) & (PATH_ROOM - 1);
}

// Calls that move several messages: each is a record, and the last register is its length.
static __always_inline bool is_many(__u32 which)
{
  return which == CALL_SENDMMSG || which == CALL_RECVMMSG;
}

static __always_inline __u32 moved_data(struct call_context *call, __u32 at)
{
  __u8 data = shape_of(call)->data;
  // Requests of io_uring keep no buffer where it could be found again.
  if (!filter.data || !data || call->uring) return 0;
  __s64 moved = is_many(call->which) ? call->args[5] : call->ret;
  struct data_place place = { .ret = moved, .slot = slot_of(call), .at = at, .data = data, .compat = call->compat };
  __builtin_memcpy(place.args, call->args, sizeof place.args);
  return append_data(&place) & (PATH_ROOM - 1);
}

// Appends the ancillary data that a message came with; returns its length.
static __always_inline __u32 control_data(struct call_context *call, __u32 at)
{
  bool receives = call->which == CALL_RECVMSG || call->which == CALL_RECVMMSG;
  if (!filter.control || !receives || call->uring || call->ret < 0) return 0;
  struct scratch *s = scratch_of(slot_of(call));
  struct user_buffers buffers = {};
  if (!s || !BOUND(at) || !message_buffers(&buffers, call->args[1], call->compat)) return 0;
  __u32 length = buffers.control_length < SOCKET_CONTROL_MAX ? buffers.control_length : SOCKET_CONTROL_MAX;
  barrier_var(length);
  length &= SOCKET_CONTROL_MAX;
  return read_user(IN_RECORD(s, at), length, buffers.control) ? 0 : length;
}

#define MOST_VECTORS 1024 // of one call (UIO_MAXIOV)
#define ROOM_MAX 0x7fffffff

struct room_walk {
  __u64 vectors, count, room;
  bool compat, unread;
};

static long room_step(__u64 index, struct room_walk *w)
{
  struct user_vector vector = {};
  struct compat_vector small = {};
  if (index >= w->count) return 1;
  __u64 from = w->vectors + index * (w->compat ? sizeof small : sizeof vector);
  w->unread = w->compat ? read_user(&small, sizeof small, from) : read_user(&vector, sizeof vector, from);
  w->room += w->compat ? small.length : vector.length;
  return w->unread;
}

// How much the buffers hold together, at most ROOM_MAX; -1 when that could not be read.
__noinline int measure_room(struct data_place *p)
{
  if (!p) return -1;
  __u32 number = (p->data & REGISTER) - 1;
  struct room_walk w = { .vectors = p->args[number & 7], .count = p->args[(number + 1) & 7], .compat = p->compat };
  if (p->data & IN_MESSAGE) {
    struct user_buffers buffers = {};
    if (!message_buffers(&buffers, w.vectors, w.compat)) return -1;
    w.vectors = buffers.vectors;
    w.count = buffers.count;
  }
  bpf_loop(MOST_VECTORS, room_step, &w, 0);
  return w.unread ? -1 : w.room < ROOM_MAX ? w.room : ROOM_MAX;
}

// Of a call that writes from several buffers the last register, which it does not use, becomes what they hold together;
// all bits set when that is not known.
static __always_inline __u64 vector_room(struct call_context *call)
{
  __u8 data = shape_of(call)->data;
  if (is_many(call->which) || !(data & FROM_PROGRAM) || !(data & (IN_VECTOR | IN_MESSAGE))) return call->args[5];
  if (!filter.room || call->uring) return ~0ull;
  struct data_place place = { .data = data, .compat = call->compat };
  __builtin_memcpy(place.args, call->args, sizeof place.args);
  return (__s64)measure_room(&place);
}
