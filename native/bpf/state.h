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
  count->open += __builtin_popcountll(WORD_AT(count->words + 8 * (index & (OPEN_WORDS - 1))));
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

#define STATE_END (TEXTS_END + PATH_ROOM - sizeof(__u64)) // the word behind the last name says where the state begins

int append_descriptor(__u32 slot, __u32 at, __u32 name_at, __u32 fd, bool named);

// Appends the state of scratch->task to a record that is otherwise done; returns the record's size. A global function is
// verified once, not at each of its calls. `wanted`: enum state_part.
__noinline int append_state(__u32 slot, __u32 size, __u32 wanted)
{
  struct scratch *s = scratch_of(slot);
  if (!s || !BOUND(size)) return size;
  __u64 task = s->task;
  struct state_block *state = (void *)IN_RECORD(s, size);
  struct signal_struct *signal = GET(task_struct, task, signal);
  PUT_USAGE(state, task);
  state->threads = GET(signal_struct, signal, live.counter);
  state->leader_ended = !!(GET(task_struct, GET(task_struct, task, group_leader), flags) & PF_EXITING);
  state->described = state->pad4 = 0;
  state->fd_open = wanted & STATE_OPEN ? open_descriptors(task) : -1;
  __u32 end = size + sizeof *state, name_at = end + 3 * sizeof(struct descriptor_block);
  // Behind the longest texts there is no room: then nothing is said of them.
  if (wanted & STATE_STDIO && name_at <= TEXTS_END) {
    state->described = 3;
    for (__u32 fd = 0; fd < 3; fd++) {
      name_at += append_descriptor(slot, end, name_at, fd, wanted & STATE_NAMES) & (PATH_ROOM - 1);
      end += sizeof(struct descriptor_block);
    }
    end = (name_at + 7) & ~7u;
  }
  if (end > STATE_END) return size;
  *(__u64 *)within(s->record, end, STATE_END) = size;
  end += sizeof(__u64);
  struct record_header *header = (void *)s->record;
  header->flags |= FLAG_STATE;
  header->size = end;
  return end;
}

// Appends the state of the task when that is wanted; returns the size. Size 0: the record could not be put together.
static __always_inline __u32 with_state(__u32 slot, __u32 size, __u32 counted)
{
  __u32 wanted = counted < COUNTED ? filter.state[counted] : 0;
  return size && wanted ? append_state(slot, size, wanted) : size;
}

// Sends the record in a scratch, with the state of its task when that is wanted.
static __always_inline void emit_event(struct scratch *s, __u32 slot, __u32 size, __u32 counted)
{
  size = with_state(slot, size, counted);
  if (!size) return;
  barrier_var(size); // else the compiler bounds another register than it passes on
  if (size <= sizeof s->record) emit(s->record, size, counted);
}
