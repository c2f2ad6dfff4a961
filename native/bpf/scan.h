// What already runs: the initial scan, the second look at one process after a loss, and the seeding of the scope.
#pragma once

static __always_inline bool is_leader(struct task_struct *task)
{
  return task->pid == task->tgid;
}

SEC("iter.s/task")
int scan(struct bpf_iter__task *context)
{
  struct task_struct *trusted = context->task;
  if (!trusted) return 0;
  struct task_struct *task = untrusted(trusted);
  if (!is_leader(task)) return 0;
  __u32 tgid = task->tgid, wanted = control.scan_tgid;
  if (wanted && tgid != wanted) return 0;
  if (config.scoped && !is_scoped(tgid)) return 0;
  if (task->exit_state && task->signal->live.counter == 0) return 0; // dead, not yet waited for
  struct scratch *s = scratch_of(SCRATCH_SCAN);
  if (!s) return 0;
  ((struct record_header *)s->record)->flags = FLAG_SCANNED;
  identify((void *)s->record, task, KIND_SCAN);
  __u32 size = image(s, SCRATCH_SCAN, trusted, tgid, 0, 1);
  if (!size) return 0;
  barrier_var(size); // as in emit_event
  if (size > sizeof s->record) return 0;
  s->frame = size;
  bpf_seq_write(context->meta->seq, &s->frame, sizeof s->frame + size);
  return 0;
}

// One pass of seeding: the process named by its pid in the reader's namespace, and children of what is in scope
// already. The loader repeats it until nothing is added, because a child can have a lower pid than its parent.
SEC("iter/task")
int seed(struct bpf_iter__task *context)
{
  struct task_struct *reader = untrusted(bpf_get_current_task_btf());
  control.self = reader->tgid;
  struct task_struct *trusted = context->task;
  if (!config.scoped || !trusted) return 0;
  struct task_struct *task = untrusted(trusted);
  if (!is_leader(task)) return 0;
  __u32 tgid = task->tgid, parent = task->real_parent->tgid;
  if (is_scoped(tgid)) return 0;
  struct pid *pid = task->thread_pid, *own = reader->thread_pid;
  __u32 level = GET(pid, own, level);
  bool same_namespace = pid_namespace_of(pid, level) == pid_namespace_of(own, level);
  bool named = same_namespace && number_at(pid, level) == control.seed_pid;
  if (!named && !is_scoped(parent)) return 0;
  set_scope(tgid, 1);
  control.seeded++;
  return 0;
}
