// Who did it: read at the moment of every event by direct loads (80 bytes for 0-4 ns), remembered nowhere.
#pragma once

// The flags are the caller's: texts may have set some already. Numbers are read through the pointer that the verifier
// trusts, which takes one instruction; pointers are not, see `untrusted`.
static __always_inline void identify(struct record_header *h, struct task_struct *task, enum record_kind kind)
{
  struct task_struct *t = untrusted(task);
  const struct cred *cred = t->cred;
  h->kind = kind;
  h->time = bpf_ktime_get_boot_ns();
  h->tid = task->pid;
  h->tgid = task->tgid;
  h->ppid = t->real_parent->tgid;
  h->uid = cred->uid.val;
  h->euid = cred->euid.val;
  h->egid = cred->egid.val;
  h->loginuid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : (__u32)-1;
  h->exec_id = task->self_exec_id;
  h->start = t->group_leader->start_boottime;
  h->cap_effective = *(__u64 *)&cred->cap_effective;
  h->cgroup = t->cgroups->dfl_cgrp->kn->id;
  h->mnt_ns = t->nsproxy->mnt_ns->ns.inum;
  h->cpu = bpf_core_field_exists(task->thread_info.cpu) ? task->thread_info.cpu : bpf_get_smp_processor_id();
  ((__u64 *)h->comm)[0] = *(__u64 *)task->comm;
  ((__u64 *)h->comm)[1] = *(__u64 *)(task->comm + 8);
}

// What a pid is in the pid namespace `level` levels below the first.
static __always_inline struct upid *pid_at(struct pid *pid, __u32 level)
{
  // Bounded last: older kernels lose sight of what a product can be. There are at most 32 levels.
  __u64 offset = bpf_core_type_size(struct upid) * level & 1023;
  return (void *)pid + bpf_core_field_offset(struct pid, numbers) + offset;
}

// Its number there; 0 where it has none.
static __always_inline __u32 number_at(struct pid *pid, __u32 level)
{
  return pid && level <= GET(pid, pid, level) ? GET(upid, pid_at(pid, level), nr) : 0;
}

static __always_inline struct pid_namespace *pid_namespace_of(struct pid *pid, __u32 level)
{
  return GET(upid, pid_at(pid, level), ns);
}

// When the first process of that pid namespace started, in ns since boot.
static __always_inline __u64 namespace_start(struct pid *pid, __u32 level)
{
  struct task_struct *init = GET(pid_namespace, pid_namespace_of(pid, level), child_reaper);
  return init ? GET(task_struct, init, start_boottime) : 0;
}
