// The programs again, on what perf records of the same tracepoints. Since Linux 7.0 a program on a tracepoint itself can be
// preempted. Meanwhile the kernel skips it on that processor: what other tasks do there would go unseen, for as long as the
// scheduler likes; and a record that it has reserved keeps all that come after it. Perf keeps a processor to itself, as
// tracepoints did before. The loader takes these where they are needed: to fill in perf's record costs each system call some
// ns. Not on_cgroup, whose tracepoint is passed under a lock. They return 1: with 0 nobody else who records would see the
// event.
#pragma once

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

SEC("tp/raw_syscalls/sys_exit")
int on_call_perf(struct trace_event_raw_sys_exit *event)
{
  __u32 both = looked_at_of(native_number(event->id));
  if (!both) return 1;
  struct task_struct *task = bpf_get_current_task_btf();
  returned(task, (void *)bpf_task_pt_regs(task), event->ret, both);
  return 1;
}

SEC("tp/task/task_newtask")
int on_fork_perf(struct trace_event_raw_task_newtask *event)
{
  struct task_struct *child = bpf_task_from_pid(event->pid);
  if (!child) return 1; // it cannot have ended: it has not begun
  forked(child, event->clone_flags);
  bpf_task_release(child);
  return 1;
}

SEC("tp/sched/sched_process_exec")
int on_exec_perf(struct trace_event_raw_sched_process_exec *event)
{
  const char *filename = (void *)event + (event->__data_loc_filename & 0xffff);
  executed(bpf_get_current_task_btf(), event->old_pid, filename);
  return 1;
}

SEC("tp/sched/sched_process_exit")
int on_exit_perf(void *event)
{
  exited(bpf_get_current_task_btf());
  return 1;
}

SEC("tp/io_uring/io_uring_submit_req")
int on_uring_submit_perf(struct trace_event_raw_io_uring_submit_req *event)
{
  submitted(event->req);
  return 1;
}

SEC("tp/io_uring/io_uring_complete")
int on_uring_complete_perf(struct trace_event_raw_io_uring_complete *event)
{
  if (event->req) completed(event->req, event->res);
  else accepted((__u64)event->ctx, event->user_data, event->res);
  return 1;
}

SEC("tp/io_uring/io_uring_cqe_overflow")
int on_uring_overflow_perf(struct trace_event_raw_io_uring_cqe_overflow *event)
{
  overflowed((__u64)event->ctx, event->user_data, event->res, event->cflags);
  return 1;
}
