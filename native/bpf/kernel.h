// The kernel's structs, as far as we read them. Every access is relocated at load time (CO-RE), so only names matter
// here: not order, not offsets, not what is left out.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef int pid_t;

// uapi/linux/bpf.h
enum {
  BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_LRU_HASH = 9,
  BPF_MAP_TYPE_LPM_TRIE = 11, BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0, BPF_RB_RING_SIZE = 1 };

#define AT_FDCWD (-100)
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000
#define CLONE_THREAD 0x00010000
#define SIGNAL_GROUP_EXIT 4
#define SB_RDONLY 1
#define S_IMMUTABLE 8
#define CAP_DAC_OVERRIDE 1
#define FMODE_CREATED 0x100000
#define RESOLVE_IN_ROOT 0x10
#define OVERLAYFS_MAGIC 0x794c7630
#define SOCKFS_MAGIC 0x534f434b
#define PIPEFS_MAGIC 0x50495045
#define RLIMIT_NOFILE 7
#define EINPROGRESS 115
#define ECANCELED 125
#define PR_SET_NAME 15
#define PR_GET_NAME 16
#define O_ACCMODE 3
#define IPPROTO_TCP 6
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define TCP_ESTABLISHED 1
#define TCP_LISTEN 10
#define SOCK_BINDPORT_LOCK 8
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
typedef struct { int counter; } atomic_t;

// Files and paths.

struct timespec64 { __s64 tv_sec; long tv_nsec; };
struct qstr { __u32 len; const unsigned char *name; };
struct hlist_bl_node { struct hlist_bl_node **pprev; };
struct super_block { __u32 s_dev; unsigned long s_flags; unsigned long s_magic; };
struct inode {
  __u16 i_mode;
  kuid_t i_uid;
  kgid_t i_gid;
  unsigned int i_flags;
  struct super_block *i_sb;
  unsigned long i_ino;
  long i_ctime_sec, i_mtime_sec;
  __u32 i_ctime_nsec, i_mtime_nsec;
};
struct inode___until_6_11 { struct timespec64 __i_ctime, __i_mtime; };
struct inode___until_6_7 { struct timespec64 i_ctime, i_mtime; };
struct ovl_inode { struct inode vfs_inode; struct dentry *__upperdentry; };
struct dentry {
  struct hlist_bl_node d_hash;
  struct dentry *d_parent;
  struct qstr d_name;
};
struct vfsmount { struct dentry *mnt_root; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct fs_struct { struct path root, pwd; };
struct file {
  unsigned int f_mode;
  unsigned int f_flags;
  struct inode *f_inode;
  struct path f_path;
  void *private_data;
};
struct fdtable { unsigned int max_fds; struct file **fd; unsigned long *open_fds; };
struct files_struct { struct fdtable *fdt; };

// Tasks and what hangs off them.

typedef struct { __u64 val; } kernel_cap_t;
struct group_info { int ngroups; kgid_t gid[0]; };
struct cred {
  kuid_t uid, euid, fsuid;
  kgid_t gid, egid, fsgid;
  kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
  struct group_info *group_info;
};
struct ns_common { unsigned int inum; };
struct mnt_namespace { struct ns_common ns; };
struct nsproxy { struct mnt_namespace *mnt_ns; };
struct pid_namespace { struct task_struct *child_reaper; };
struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct upid numbers[1]; };
enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, MM_COUNTERS };
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };
struct rlimit { unsigned long rlim_cur; };
struct tty_driver { int major, minor_start; };
struct tty_struct { int index; struct tty_driver *driver; };
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  unsigned int flags;
  unsigned int is_child_subreaper : 1;
  unsigned int has_child_subreaper : 1;
  struct pid *pids[PIDTYPE_MAX];
  struct tty_struct *tty;
  struct rlimit rlim[RLIMIT_NOFILE + 1];
};
struct kernfs_node { struct kernfs_node *__parent; const char *name; __u64 id; };
struct kernfs_node___until_6_15 { struct kernfs_node *parent; };
struct cgroup_root { int hierarchy_id; };
struct cgroup { struct kernfs_node *kn; struct cgroup_root *root; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
enum cgroup_subsys_id { memory_cgrp_id };
struct css_set { struct cgroup_subsys_state *subsys[1]; struct cgroup *dfl_cgrp; };
struct percpu_counter { __s64 count; };
struct mm_struct {
  unsigned long arg_start, arg_end, env_start, env_end, total_vm;
  struct file *exe_file;
  struct percpu_counter rss_stat[MM_COUNTERS];
};
typedef struct { __s64 counter; } atomic64_t;
struct mm_rss_stat { atomic64_t count[MM_COUNTERS]; };
struct mm_struct___until_6_2 { struct mm_rss_stat rss_stat; };
struct thread_info { unsigned long flags; __u32 status, cpu; };
struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  int exit_state, exit_code;
  pid_t pid, tgid;
  struct task_struct *real_parent, *group_leader;
  struct pid *thread_pid;
  __u64 start_boottime;
  __u64 self_exec_id;
  unsigned long min_flt, maj_flt;
  kuid_t loginuid;
  const struct cred *cred;
  char comm[16];
  struct fs_struct *fs;
  struct files_struct *files;
  struct nsproxy *nsproxy;
  struct signal_struct *signal;
  struct css_set *cgroups;
  struct mm_struct *mm;
};
struct linux_binprm { const char *filename; };

// What perf records of a tracepoint.

struct trace_event_raw_sys_exit { long id, ret; };
struct trace_event_raw_task_newtask { pid_t pid; unsigned long clone_flags; };
struct trace_event_raw_sched_process_exec { __u32 __data_loc_filename; pid_t old_pid; };
struct trace_event_raw_io_uring_submit_req { void *req; };
struct trace_event_raw_io_uring_complete { void *ctx, *req; __u64 user_data; int res; unsigned int cflags; };
struct trace_event_raw_io_uring_cqe_overflow { void *ctx; __u64 user_data; __s32 res; __u32 cflags; };

// io_uring. What an operation keeps for itself lies over the beginning of its request.

struct filename { const char *name; };
struct open_how { __u64 flags, mode, resolve; };
struct io_open { int dfd; __u32 file_slot; struct filename *filename; struct open_how how; };
struct io_unlink { int dfd, flags; struct filename *filename; };
struct io_mkdir { int dfd; __u16 mode; struct filename *filename; };
struct io_rename { int old_dfd, new_dfd; struct filename *oldpath, *newpath; int flags; };
struct io_link { int old_dfd, new_dfd; struct filename *oldpath, *newpath; int flags; };
// Since Linux 7.0.
struct delayed_filename { struct filename *__incomplete_filename; };
struct io_open___since_7_0 { struct delayed_filename filename; };
struct io_unlink___since_7_0 { struct delayed_filename filename; };
struct io_mkdir___since_7_0 { struct delayed_filename filename; };
struct io_rename___since_7_0 { struct delayed_filename oldpath, newpath; };
struct io_link___since_7_0 { struct delayed_filename oldpath, newpath; };
struct io_socket { int domain, type, protocol; __u32 file_slot; };
struct io_accept { int flags; __u32 file_slot; int iou_flags; };
struct io_connect { void *addr; int addr_len; };
struct io_bind { int addr_len; };
struct io_listen { int backlog; };
struct io_sr_msg { void *umsg; unsigned int len; unsigned short addr_len; void *addr; };
struct msghdr { void *msg_name; int msg_namelen; };
struct sockaddr_storage { __u16 ss_family; };
struct io_async_msghdr { struct msghdr msg; struct sockaddr_storage addr; };
struct io_cqe { __u64 user_data; __s32 res; int fd; __u32 flags; };
struct io_kiocb { struct file *file; __u8 opcode; __u64 flags; struct io_cqe cqe; void *ctx, *async_data; };
struct io_uring_cqe { __u64 user_data; __s32 res; __u32 flags; };

// Sockets.

struct in6_addr { __u8 bytes[16]; };
struct sock_common {
  __be32 skc_daddr, skc_rcv_saddr;
  __be16 skc_dport;
  __u16 skc_num;
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_type, sk_protocol;
  __u8 sk_userlocks;
  __u32 sk_ack_backlog, sk_max_ack_backlog;
};
struct ipv6_pinfo { int mcast_oif; };
struct inet_sock { struct sock sk; struct ipv6_pinfo *pinet6; __be32 inet_saddr; int mc_index; };
struct inet_bind_bucket { signed char fastreuse; };
struct inet_connection_sock { struct inet_bind_bucket *icsk_bind_hash; };
struct unix_address { int len; };
struct unix_sock { struct sock sk; struct unix_address *addr; struct path path; struct sock *peer; };
struct socket { struct sock *sk; };

// Registers and iterators.

#if defined(__TARGET_ARCH_x86)
struct pt_regs { unsigned long orig_ax, bx, cx, dx, si, di, bp, r10, r8, r9; };
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs { __u64 regs[31]; __u64 orig_x0; __s32 syscallno; };
#else
#error "x86-64 and arm64 only"
#endif

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#pragma clang attribute pop
