// Exec records with more of argv or the environment than a scratch has room for: put together in the ring.
#pragma once

#define LONG_SMALL 32768  // room in the ring is of fixed sizes
#define LONG_LARGE 98304  // more than the longest needs: 240 + 2 * (4095 + HEAD_MAX + EXEC_ARGS_TAIL) + 4095 + 255 + PIECE
#define PIECE 16384       // more than any part of a record beside argv and the environment

// How much of a text of `total` bytes is kept.
static __always_inline __u32 kept_of(__u32 total, __u32 head)
{
  return total > head + EXEC_ARGS_TAIL ? head + EXEC_ARGS_TAIL : total;
}

// How much more of a text is sent than a scratch has room for.
static __always_inline __u32 more_of(__u32 length, __u32 total, __u32 head)
{
  return head > PATH_ROOM && length && length < total ? kept_of(total, head) - length : 0;
}

// Copies part of the scratch's record; returns where it ends.
static __always_inline __u32 copy_part(char *to, const __u32 room, __u32 at, char *from, __u32 length)
{
  length &= PIECE - 1;
  bpf_probe_read_kernel(within(to, at, room - PIECE), length, from);
  return at + length;
}

// Copies more than PATH_ROOM bytes of the process's memory, in pieces of that size: the last one begins earlier. The length
// is in the map, for older verifiers keep of a register that each step compares bounds that cannot be.
static __always_inline long copy_run(struct scratch *s, char *to, const __u32 room, __u32 at, __u64 from, __u32 length)
{
  volatile __u32 *run = &s->run;
  *run = length;
  for (__u32 i = 0; i <= HEAD_MAX / PATH_ROOM; i++) {
    __u32 done = i * PATH_ROOM, end = *run;
    if (done >= end) break;
    if (done > end - PATH_ROOM) done = end - PATH_ROOM;
    if (read_user(within(to, at + done, room - PATH_ROOM), PATH_ROOM, from + done)) return -1;
  }
  return 0;
}

// Copies what is kept of a text: all of it, or its head and tail.
static __always_inline long copy_text(struct scratch *s, char *to, const __u32 room, __u32 at, __u64 from, __u32 total,
                                      __u32 head)
{
  if (kept_of(total, head) == total) return copy_run(s, to, room, at, from, total);
  if (copy_run(s, to, room, at, from, head)) return -1;
  return read_user(within(to, at + head, room - PATH_ROOM), EXEC_ARGS_TAIL, from + total - EXEC_ARGS_TAIL);
}

// Appends what is kept of argv or the environment, of which the scratch's record has less at `here`; returns where it ends,
// 0 when it could not be read.
static __always_inline __u32 append_block(struct scratch *s, char *to, const __u32 room, __u32 at, const __u32 text,
                                          __u32 here, __u64 from, __u32 total, __u32 head)
{
  struct exec_record *r = (void *)s->record, *sent = (void *)to;
  __u32 length = r->lengths[text], more = more_of(length, total, head);
  if (!more) return copy_part(to, room, at, s->record + here, length);
  if (copy_text(s, to, room, at, from, total, head)) return 0;
  sent->lengths[text] = length + more;
  return at + length + more;
}

// Returns the size of the record, 0 when it could not be put together.
static __always_inline __u32 fill_long(struct scratch *s, __u32 size, char *to, const __u32 room)
{
  struct exec_record *r = (void *)s->record;
  struct mm_struct *mm = untrusted(bpf_get_current_task_btf())->mm;
  __u32 args_at = EXEC_TEXTS_AT + r->lengths[EXEC_EXE_PATH] + r->lengths[EXEC_CWD];
  __u32 env_at = args_at + r->lengths[EXEC_ARGS], others_at = env_at + r->lengths[EXEC_ENV];
  __u32 others = r->lengths[EXEC_FILENAME] + r->lengths[EXEC_CGROUP_PATH];
  __u32 state_at = (others_at + others + 7) & ~7u;
  if (!mm) return 0;
  __u32 at = copy_part(to, room, 0, s->record, args_at);
  at = append_block(s, to, room, at, EXEC_ARGS, args_at, mm->arg_start, r->args_total, config.args_head);
  if (!at) return 0;
  at = append_block(s, to, room, at, EXEC_ENV, env_at, mm->env_start, r->env_total, config.env_head);
  if (!at) return 0;
  at = copy_part(to, room, at, s->record + others_at, others);
  *(__u64 *)within(to, at, room - PIECE) = 0;
  __u32 end = (at + 7) & ~7u;
  if (size > state_at) {
    at = copy_part(to, room, end, s->record + state_at, size - state_at);
    *(__u64 *)within(to, at - sizeof(__u64), room - sizeof(__u64)) = end;
    end = at;
  }
  ((struct record_header *)to)->size = end;
  return end;
}

static __always_inline bool send_long(struct scratch *s, __u32 size, const __u32 room)
{
  // At most half of the ring: the records of other processes must have theirs.
  __u64 half = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2;
  if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) + room > half) return 0;
  char *to = bpf_ringbuf_reserve(&ring, room, 0);
  if (!to) return 0;
  if (!fill_long(s, size, to, room)) {
    bpf_ringbuf_discard(to, BPF_RB_NO_WAKEUP);
    return 0;
  }
  bpf_ringbuf_submit(to, BPF_RB_NO_WAKEUP);
  emitted(counters_here(), KIND_EXEC, room, 0);
  return 1;
}

// Sends the exec record in its scratch with `more` bytes of its texts; 0: there was no room for it.
__noinline int emit_long(__u32 size, __u32 more)
{
  struct scratch *s = scratch_of(SCRATCH_EXEC);
  if (!s) return 0;
  return size + more + PIECE <= LONG_SMALL ? send_long(s, size, LONG_SMALL) : send_long(s, size, LONG_LARGE);
}

// Sends the exec record in its scratch.
static __always_inline void emit_exec(struct scratch *s, __u32 size)
{
  size = with_state(SCRATCH_EXEC, size, KIND_EXEC);
  if (!size) return;
  struct exec_record *r = (void *)s->record;
  __u32 more = more_of(r->lengths[EXEC_ARGS], r->args_total, config.args_head)
    + more_of(r->lengths[EXEC_ENV], r->env_total, config.env_head);
  if (RARELY(more)) {
    if (emit_long(size, more)) return;
    struct counters *c = counters_here();
    if (c) c->shortened++;
  }
  barrier_var(size); // as in emit_event
  if (size <= sizeof s->record) emit(s->record, size, KIND_EXEC);
}
