// The usual opens: open and openat of the machine's own ABI. They are so frequent that they are decided on registers, in
// the program itself: where returns are guarded against speculation each call of a function, ours or a helper, costs some
// ns. Whatever is not so simple is left to open_call.
#pragma once

// Whether a prefix that is looked for begins like a text.
static __always_inline bool begins_like_prefix(const char *text)
{
  __u64 start = START_BIT(*(__u32 *)text);
  if (!(filter.prefix_starts & start)) return 0;
  return filter.short_starts & start || is_among(filter.long_starts, *(__u64 *)text);
}

// Whether no more than a look says that the path as text is not wanted: it starts at the root, no prefix begins like it and
// no name that is looked for ends like it, it is in its shortest form and nothing in it is hidden.
static __always_inline bool text_unwanted(__u64 path)
{
  struct scratch *s = scratch_of(SCRATCH_CALL);
  if (!s) return 0;
  const char *text = s->record + OPEN_TEXTS_AT;
  long read = bpf_probe_read_user_str(s->record + OPEN_TEXTS_AT, SCANNED_WORDS * 8, (void *)path);
  // What cannot be read may be wanted, and so may what is longer than what is looked at.
  if (read <= 1 || read == SCANNED_WORDS * 8) return 0;
  __u32 end;
  if (*text != '/' || begins_like_prefix(text)) return 0;
  return !neighbours(text, read - 1, &end) && !(filter.name_ends & START_BIT(end));
}

// The same of the canonical path. Without a file there is none, and nothing that is asked of one holds.
static __always_inline bool real_unwanted(struct task_struct *task, struct call_context *call)
{
  struct fs_struct *fs = task->fs;
  struct file *file = fs ? opened_file(call, task) : 0;
  if (!file) return 1;
  struct scratch *s = scratch_of(SCRATCH_CALL);
  if (!s) return 0;
  begin_walk(s, PATH_OF(file, file, f_path), fs);
  return names_unwanted(SCRATCH_CALL);
}

static __always_inline bool path_unwanted(struct task_struct *task, struct call_context *call, struct opening *o,
                                          __u32 bit)
{
  if (filter.tests.real & bit && !real_unwanted(task, call)) return 0;
  return !(filter.tests.text & bit) || text_unwanted(o->path);
}

// Whether it has been dealt with. A function of its own: its stack must not lie below that of the calls that are left.
static __noinline bool quick_open(struct task_struct *task, struct pt_regs *regs, long ret, __u32 which)
{
  barrier_var(which);
  which &= CALLS_ROOM - 1; // the compiler knows of a bound, older verifiers do not
  // Neither is handed to a function of its own, so the compiler keeps them in registers.
  struct call_context call = { .ret = ret, .which = which };
  struct opening o = {};
  read_arguments(&call, regs);
  if (!read_usual_arguments(&call, &o)) return 0;
  __u32 bit = class_bit(access_of(o.how.flags), ret);
  if (filter.keep[which] & bit) {
    if (filter.real || has_state(&call)) return 0;
    struct counters *counters = counters_here();
    return refused(counters, counted_as(&call)) || in_ring(&call, &o, task, OPEN_ROOM, counters);
  }
  if (RARELY(comm_passes(untrusted(task), &call, bit))) return 0;
  if (filter.test[which] & bit && !path_unwanted(untrusted(task), &call, &o, bit)) return 0;
  filtered(counted_as(&call));
  return 1;
}
