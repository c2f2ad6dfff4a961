// The ring, its doorbell and its counters; the scratch memory in which records are put together.
#pragma once

volatile const struct config config SEC(".rodata.config");
struct control control SEC(".bss.control");
struct filter filter SEC(".bss.filter");

// All records, in total order; its size is set at load. Nobody is woken by it.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} ring SEC(".maps");

// Carries no data: a discarded record wakes the consumer. Apart from the ring, so that a full ring cannot swallow a
// wakeup.
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} bell SEC(".maps");

// By processor. Mapped by the consumer: while somebody is preempted who reads a map by bpf(2), the kernel skips all programs
// that are attached through perf.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); // as many as processors can have numbers
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct counters);
} counts SEC(".maps");

#define PATH_ROOM 4096      // a path with its NUL
#define NAME_ROOM 256
#define TEXTS_END 23040     // above where the last text of the longest record, exec, can end: 240 + 2 * (4095 + 5120) + 4095
                            // + 255 (no call has more than four texts)

// What a look at a text found; in the map, else the verifier would follow each place that the last slash can have.
struct text_scan {
  __u64 hidden;     // not 0: a name begins with a dot
  __u64 crooked;    // not 0: says the same as a shorter path
  __u64 slashes;    // in the last word that has one, which is at slashes_at
  __u32 slashes_at;
};

// A way up the kernel's tree of names, from a file to the root of whoever sees it. In the map, because the stacks of all
// functions that are called from one another have 512 bytes together before Linux 6.13.
struct walk {
  __u64 dentry, mount, mount_root;
  __u64 root_dentry, root_mount;
  __u32 at;         // where in scratch->path what was passed begins
  __u32 state;
};

// One per program and CPU: a program can be preempted by another, not by itself. Below the 32 KiB that a per-CPU value
// may have.
struct scratch {
  __u64 frame;                         // the scan writes records as the ring frames them: length first
  char record[TEXTS_END + PATH_ROOM];
  char path[PATH_ROOM + NAME_ROOM];    // filled from its end; the slack bounds a write at any masked offset
  char name[NAME_ROOM];
  struct prefix_key prefix;            // the slack behind it bounds a copy that begins anywhere in it
  char slack[PREFIX_MAX];
  struct text_scan scan;
  struct walk walk;
  __u64 task;                          // whose state is appended
  __u32 run;                           // how many bytes are copied in pieces
};
enum {
  SCRATCH_EXEC, SCRATCH_CALL, SCRATCH_SCAN, SCRATCH_SUBMIT, SCRATCH_COMPLETE, SCRATCH_CGROUP, SCRATCH_FORK, SCRATCH_EXIT,
  SCRATCHES
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES);
  __type(key, __u32);
  __type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct counters *counters_here(void)
{
  __u32 processor = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&counts, &processor);
}

// The word is cleared first: the consumer may hear of the record in the bell before it is discarded, look, and set the word
// anew, which must not be cleared then.
static __always_inline void ring_bell(void)
{
  *(volatile __u32 *)&control.doorbell = 0;
  void *record = bpf_ringbuf_reserve(&bell, 8, 0);
  if (record) bpf_ringbuf_discard(record, BPF_RB_FORCE_WAKEUP);
  else control.doorbell = 1; // by the next record, then
}

// Whether a consumer who sleeps until `awaited` bytes are in the ring is to be woken. One who waits for any does so in an empty
// ring; for more, each processor looks only when it has sent a small part of the ring itself: all together do not pass by much.
static __always_inline bool is_reached(struct counters *c, __u32 awaited, __u32 size)
{
  if (awaited <= 1 || !c) return awaited;
  c->unlooked += size;
  if (c->unlooked < config.look_after) return 0;
  c->unlooked = 0;
  return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= awaited;
}

// After the commit, which is a full barrier: the consumer sets the word first and then looks at the ring, so one of the
// two sees the other. `counted`: the kind of a record of a process's life, or COUNTED_KINDS and the call. `size`: of the
// record; `failed`: it found the ring full.
static __always_inline void emitted(struct counters *c, __u32 counted, __u32 size, bool failed)
{
  if (c && counted < COUNTED) {
    if (failed) c->dropped[counted]++;
    else c->sent[counted]++;
  }
  __u32 awaited = *(volatile __u32 *)&control.doorbell;
  if (awaited && (failed || is_reached(c, awaited, size))) ring_bell();
}

static __always_inline void emit(void *record, __u32 size, __u32 counted)
{
  emitted(counters_here(), counted, size, bpf_ringbuf_output(&ring, record, size, BPF_RB_NO_WAKEUP));
}

// Low-priority records leave the last quarter of the ring to those without which later events cannot be judged. While
// there is room, one look in eight is enough: eight records are a small part of that quarter.
static __always_inline bool refused(struct counters *c, __u32 counted)
{
  if (!c) return 0;
  if (c->pressed || !(c->looked++ & 7)) c->pressed = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > config.refuse_above;
  if (!c->pressed) return 0;
  if (counted < COUNTED) c->refused[counted]++;
  return 1;
}

static __always_inline void filtered(__u32 counted)
{
  struct counters *c = counters_here();
  if (c && counted < COUNTED) c->filtered[counted]++;
}

static __always_inline struct scratch *scratch_of(__u32 slot)
{
  return bpf_map_lookup_elem(&scratches, &slot);
}

// `at` bytes behind `base`, at most `most`. In one piece: the compiler likes to compare one register and to use another,
// of which verifiers before 6.8 know nothing then.
static __always_inline char *within(char *base, __u64 at, const __u64 most)
{
  asm volatile("if %[at] < %[most] goto +1\n\t%[at] = %[most]\n\t%[base] += %[at]"
               : [base] "+r"(base), [at] "+r"(at) : [most] "i"(most));
  return base;
}

// Whether a text of a record can stand there, and where that is.
#define BOUND(at) ((at) <= TEXTS_END)
#define IN_RECORD(s, at) within((s)->record, at, TEXTS_END)

// Pads a record to 8 bytes and writes its size; returns the size, 0 when it is impossible.
static __always_inline __u32 finish(struct scratch *s, __u32 at)
{
  if (!BOUND(at)) return 0;
  __builtin_memset(IN_RECORD(s, at), 0, 8);
  __u32 size = (at + 7) & ~7u;
  ((struct record_header *)s->record)->size = size;
  return size;
}

// Reads what the caller pointed to, or the kernel's copy of it.
static __always_inline long read_caller(void *to, __u32 size, __u64 from, bool kernel)
{
  return kernel ? bpf_probe_read_kernel(to, size, (void *)from) : read_user(to, size, from);
}

// Appends a string of the caller's at `at`; returns its length.
static __always_inline __u32 caller_text(struct scratch *s, __u32 at, __u64 from, bool kernel)
{
  struct record_header *header = (void *)s->record;
  if (!BOUND(at)) return 0;
  long read = kernel ? bpf_probe_read_kernel_str(IN_RECORD(s, at), PATH_ROOM, (void *)from)
                     : bpf_probe_read_user_str(IN_RECORD(s, at), PATH_ROOM, (void *)from);
  // An empty copy is one that could not be kept. Of an empty text of the program older kernels say 0.
  if (read < 0 || (kernel && read <= 1)) {
    header->flags |= FLAG_UNREAD;
    return 0;
  }
  if (!read) return 0;
  if (read == PATH_ROOM && !kernel) {
    char last = 0;
    read_user(&last, 1, from + PATH_ROOM - 1);
    if (last) header->flags |= FLAG_CUT;
  }
  return (read - 1) & (PATH_ROOM - 1);
}
