// What a process uses, and what it is at the moment of an event: behind the texts of the event's record, when somebody
// reads it. Nothing of it is remembered, so nothing can be stale.
#pragma once

struct usage {
  __u64 fdlimit, pgft_maj, pgft_min;
  __u32 vm_size, vm_rss, vm_swap;
};

// Pages of a kind, as the kernel keeps their number at hand: what single processors have yet to add, some dozen pages
// each, is left out, since there is no cheap way to it. A macro, because the index is part of what is relocated.
#define PAGES(mm, kind) ({ \
  struct mm_struct *_now = (void *)(mm); \
  struct mm_struct___until_6_2 *_old = (void *)(mm); \
  __s64 _pages = bpf_core_field_exists(_now->rss_stat[kind].count) \
    ? GET(mm_struct, _now, rss_stat[kind].count) : BPF_CORE_READ(_old, rss_stat.count[kind].counter); \
  _pages > 0 ? _pages : 0; })

static __always_inline struct usage usage_of(__u64 task)
{
  __u64 mm = (__u64)GET(task_struct, task, mm), signal = (__u64)GET(task_struct, task, signal);
  struct usage usage = {
    .fdlimit = GET(signal_struct, signal, rlim[RLIMIT_NOFILE].rlim_cur),
    .pgft_maj = GET(task_struct, task, maj_flt),
    .pgft_min = GET(task_struct, task, min_flt),
  };
  if (!mm) return usage;
  usage.vm_size = GET(mm_struct, mm, total_vm) * config.page_kb;
  usage.vm_rss = (PAGES(mm, MM_FILEPAGES) + PAGES(mm, MM_ANONPAGES) + PAGES(mm, MM_SHMEMPAGES)) * config.page_kb;
  usage.vm_swap = PAGES(mm, MM_SWAPENTS) * config.page_kb;
  return usage;
}

// Records and the block have the same members.
#define PUT_USAGE(to, task) ({ \
  struct usage _usage = usage_of((__u64)(task)); \
  (to)->fdlimit = _usage.fdlimit; \
  (to)->pgft_maj = _usage.pgft_maj; \
  (to)->pgft_min = _usage.pgft_min; \
  (to)->vm_size = _usage.vm_size; \
  (to)->vm_rss = _usage.vm_rss; \
  (to)->vm_swap = _usage.vm_swap; })

#define OPEN_WORDS 4096 // 262,144 descriptors; whoever has room for more is not counted

struct open_count {
  __u64 words;
  __u32 left, open;
};

static long open_step(__u64 index, struct open_count *count)
{
  if (index >= count->left) return 1;
  count->open += __builtin_popcountll(WORD_AT(count->words + 8 * index));
  return 0;
}

// How many descriptors are open; -1 when that is not known.
static __always_inline __s32 open_descriptors(__u64 task)
{
  struct files_struct *files = GET(task_struct, task, files);
  if (!files) return -1;
  struct fdtable *table = GET(files_struct, files, fdt);
  struct open_count count = {
    .words = (__u64)GET(fdtable, table, open_fds),
    .left = (GET(fdtable, table, max_fds) + 63) / 64,
  };
  if (!count.words || count.left > OPEN_WORDS) return -1;
  bpf_loop(OPEN_WORDS, open_step, &count, 0);
  return count.open;
}

struct descriptor_place {
  __u64 task;
  __u32 slot;
  __u32 at, name_at; // where in its record the block and the name go
  __s32 fd;
  bool named; // also where that is a path
};
int append_descriptor(struct descriptor_place *place);

struct state_place {
  __u64 task;
  __u32 slot; // which scratch
  __u32 size;   // of its record
  __u32 wanted; // enum state_part
};

// Appends the state of the task to a record that is otherwise done; returns the record's size. A global function is
// verified once, not at each of its calls.
__noinline int append_state(struct state_place *place)
{
  struct scratch *s = place ? scratch_of(place->slot) : 0;
  if (!s) return 0;
  __u64 task = place->task;
  __u32 begin = place->size, slot = place->slot, wanted = place->wanted;
  if (!BOUND(begin)) return begin;
  struct state_block *state = (void *)(s->record + begin);
  struct signal_struct *signal = GET(task_struct, task, signal);
  PUT_USAGE(state, task);
  state->threads = GET(signal_struct, signal, live.counter);
  state->leader_ended = !!(GET(task_struct, GET(task_struct, task, group_leader), flags) & PF_EXITING);
  state->fd_open = -1;
  state->described = state->pad4 = 0;
  if (wanted & STATE_OPEN) state->fd_open = open_descriptors(task);
  __u32 end = begin + sizeof *state;
  // Behind the longest texts there is no room: then nothing is said of them.
  if (wanted & STATE_STDIO && end + 3 * sizeof(struct descriptor_block) <= TEXTS_END) {
    struct descriptor_place each = { .task = task, .slot = slot, .at = end, .named = wanted & STATE_NAMES };
    each.name_at = end + 3 * sizeof(struct descriptor_block);
    state->described = 3;
    for (int i = 0; i < 3; i++) {
      each.fd = i;
      each.name_at += append_descriptor(&each) & (PATH_ROOM - 1);
      each.at += sizeof(struct descriptor_block);
    }
    end = (each.name_at + 7) & ~7u;
  }
  barrier_var(end);
  if (end > TEXTS_END + PATH_ROOM - sizeof(__u64)) return begin;
  *(__u64 *)(s->record + end) = begin;
  end += sizeof(__u64);
  struct record_header *header = (void *)s->record;
  header->flags |= FLAG_STATE;
  header->size = end;
  return end;
}

// Sends the record in a scratch, with the state of the task when that is wanted. Size 0: it could not be put together.
static __always_inline void emit_event(struct scratch *s, __u32 slot, __u32 size, __u32 counted,
                                       struct task_struct *task)
{
  if (!size) return;
  __u32 wanted = counted < COUNTED ? filter.state[counted] : 0;
  if (wanted) {
    struct state_place place = { .task = (__u64)task, .slot = slot, .size = size, .wanted = wanted };
    size = append_state(&place);
  }
  barrier_var(size); // else the compiler bounds another register than it passes on
  if (size <= sizeof s->record) emit(s->record, size, counted);
}
