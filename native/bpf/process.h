// The life of processes: fork, exec, exit, moves from one cgroup to another. These cost no system call anything.
#pragma once

static __always_inline int forked(struct task_struct *task, __u64 clone_flags)
{
  struct task_struct *child = untrusted(task), *parent = untrusted(bpf_get_current_task_btf());
  if (clone_flags & CLONE_THREAD || child->flags & (PF_KTHREAD | PF_IO_WORKER)) return 0;
  if (config.scoped) {
    // The sensor's own children are in scope when it is, though it is not traced itself.
    if (!is_scoped(parent->tgid)) return 0;
    set_scope(child->tgid, 1);
  }
  struct scratch *s = scratch_of(SCRATCH_FORK);
  if (!s) return 0;
  struct fork_record *r = (void *)s->record;
  r->header.flags = 0;
  identify(&r->header, task, KIND_FORK);
  r->header.cpu = bpf_get_smp_processor_id();
  r->header.size = sizeof *r;
  r->clone_flags = clone_flags;
  r->parent_start = parent->group_leader->start_boottime;
  r->parent_tgid = parent->tgid;
  r->parent_exec_id = parent->self_exec_id;
  struct pid *pid = child->thread_pid;
  __u32 level = GET(pid, pid, level);
  r->vtid = number_at(pid, level);
  r->vpid = number_at(child->signal->pids[PIDTYPE_TGID], level);
  r->pidns_start = namespace_start(pid, level);
  PUT_USAGE(r, child);
  s->task = (__u64)child;
  emit_event(s, SCRATCH_FORK, sizeof *r, KIND_FORK);
  return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_fork, struct task_struct *task, __u64 clone_flags) { return forked(task, clone_flags); }

static __always_inline int executed(struct task_struct *task, pid_t old_tid, const char *filename)
{
  if (!in_scope(task->tgid)) return 0;
  struct scratch *s = scratch_of(SCRATCH_EXEC);
  if (!s) return 0;
  ((struct record_header *)s->record)->flags = 0;
  identify((void *)s->record, task, KIND_EXEC);
  __u32 size = image(s, SCRATCH_EXEC, task, old_tid, filename, 0);
  s->task = (__u64)untrusted(task);
  emit_exec(s, size);
  return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_tid, struct linux_binprm *bprm)
{
  return executed(task, old_tid, bprm->filename);
}

// After the move, in whoever moved it; once for each hierarchy. Threads may move alone, a process is where its first is.
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup, struct cgroup *into, const char *path, struct task_struct *moved)
{
  struct task_struct *task = untrusted(moved);
  if (task->pid != task->tgid || task->flags & PF_KTHREAD || !in_scope(task->tgid)) return 0;
  struct scratch *s = scratch_of(SCRATCH_CGROUP);
  if (!s) return 0;
  struct cgroup_record *r = (void *)s->record;
  r->header.flags = 0;
  identify(&r->header, moved, KIND_CGROUP);
  __u32 length = image_cgroup(s, SCRATCH_CGROUP, CGROUP_TEXTS_AT, task);
  r->lengths[CGROUP_CGROUP_PATH] = length;
  __u32 size = finish(s, CGROUP_TEXTS_AT + length);
  if (size && size <= sizeof s->record) emit(s->record, size, KIND_CGROUP);
  return 0;
}

struct reaper_search {
  __u64 task;
  __u32 level, reaper;
};

static long reaper_step(__u64 index, struct reaper_search *search)
{
  __u64 task = search->task;
  if (GET(pid, GET(task_struct, task, thread_pid), level) != search->level) return 1;
  struct signal_struct *signal = GET(task_struct, task, signal);
  if (GET_BITFIELD(signal_struct, signal, is_child_subreaper) && GET(signal_struct, signal, live.counter) > 0) {
    search->reaper = GET(task_struct, task, tgid);
    return 1;
  }
  __u64 parent = (__u64)GET(task_struct, task, real_parent);
  if (parent == task || !parent) return 1;
  search->task = parent;
  return 0;
}

// Who inherits the children: the nearest subreaper above in the same pid namespace, else the namespace's init.
static __always_inline __u32 reaper_of(struct task_struct *task)
{
  struct pid *pid = task->thread_pid;
  struct reaper_search search = { .task = (__u64)task->real_parent, .level = GET(pid, pid, level) };
  if (BPF_CORE_READ_BITFIELD(task->signal, has_child_subreaper)) bpf_loop(4096, reaper_step, &search, 0);
  if (search.reaper) return search.reaper;
  struct task_struct *init = GET(pid_namespace, pid_namespace_of(pid, search.level), child_reaper);
  return init ? GET(task_struct, init, tgid) : 0;
}

static __always_inline int exited(struct task_struct *exiting)
{
  struct task_struct *task = untrusted(exiting);
  struct signal_struct *signal = task->signal;
  // Only the last thread ends the process; an exec from another thread ends the leader with one alive.
  if (signal->live.counter > 0 || task->flags & (PF_KTHREAD | PF_IO_WORKER)) return 0;
  __u32 tgid = task->tgid;
  if (!in_scope(tgid)) return 0;
  if (config.scoped) set_scope(tgid, 0);
  struct scratch *s = scratch_of(SCRATCH_EXIT);
  if (!s) return 0;
  struct exit_record *r = (void *)s->record;
  r->header.flags = 0;
  identify(&r->header, task, KIND_EXIT);
  r->header.size = sizeof *r;
  r->exit_code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->group_leader->exit_code;
  r->reaper = reaper_of(task);
  s->task = (__u64)task;
  emit_event(s, SCRATCH_EXIT, sizeof *r, KIND_EXIT);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *exiting) { return exited(exiting); }
