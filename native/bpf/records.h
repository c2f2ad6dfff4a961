// Made from native/records.yaml by `node native/generate.ts`: do not edit.
#pragma once

enum record_kind {
  KIND_FORK = 1,
  KIND_EXEC = 2,
  KIND_EXIT = 3,
  KIND_OPEN = 4,
  KIND_SOCKET = 5,
  KIND_CHDIR = 6,
  KIND_CALL = 7,
  KIND_SCAN = 8,
  KIND_CGROUP = 9,
  KIND_END = 10,
};

// By number of the kind: whether it makes of its process another.
#define CHANGES_PROCESS 0b1101001110u

enum record_flag {
  FLAG_COMPAT = 1,
  FLAG_CUT = 2,
  FLAG_PATH_PARTIAL = 4,
  FLAG_PATH_OUTSIDE = 8,
  FLAG_SCANNED = 16,
  FLAG_UNREAD = 32,
  FLAG_URING = 64,
  FLAG_STATE = 128,
  FLAG_BASE_PARTIAL = 256,
};

struct record_header {
  __u16 kind;
  __u16 flags;
  __u32 size;
  __u64 time;
  __u32 tid;
  __u32 tgid;
  __u32 ppid;
  __u32 uid;
  __u32 euid;
  __u32 egid;
  __u32 loginuid;
  __u32 exec_id;
  __u64 start;
  __u64 cap_effective;
  __u64 cgroup;
  __u32 mnt_ns;
  __u32 cpu;
  char comm[16];
};

struct fork_record {
  struct record_header header;
  __u64 clone_flags;
  __u64 parent_start;
  __u32 parent_tgid;
  __u32 parent_exec_id;
  __u32 vpid;
  __u32 vtid;
  __u64 pidns_start;
  __u64 fdlimit;
  __u64 pgft_maj;
  __u64 pgft_min;
  __u32 vm_size;
  __u32 vm_rss;
  __u32 vm_swap;
};
#define FORK_TEXTS_AT 172

struct exec_record {
  struct record_header header;
  __u32 old_tid;
  __u32 vpid;
  __u32 vtid;
  __u32 sid;
  __u32 pgid;
  __u32 vpgid;
  __u32 tty;
  __u32 gid;
  __u32 exe_flags;
  __u32 exe_dev;
  __u32 args_total;
  __u32 env_total;
  __u64 cap_permitted;
  __u64 cap_inheritable;
  __u64 pidns_start;
  __u64 exe_ino;
  __u64 exe_ctime;
  __u64 exe_mtime;
  __u64 fdlimit;
  __u64 pgft_maj;
  __u64 pgft_min;
  __u32 vm_size;
  __u32 vm_rss;
  __u32 vm_swap;
  __u16 lengths[6];
};
#define EXEC_TEXTS_AT 240
#define EXEC_EXE_PATH 0
#define EXEC_EXE_PATH_MAX 4095
#define EXEC_CWD 1
#define EXEC_CWD_MAX 4095
#define EXEC_ARGS 2
#define EXEC_ARGS_MAX 5120
#define EXEC_ARGS_TAIL 1024
#define EXEC_ENV 3
#define EXEC_ENV_MAX 5120
#define EXEC_ENV_TAIL 1024
#define EXEC_FILENAME 4
#define EXEC_FILENAME_MAX 4095
#define EXEC_CGROUP_PATH 5
#define EXEC_CGROUP_PATH_MAX 255

struct exit_record {
  struct record_header header;
  __u32 exit_code;
  __u32 reaper;
};
#define EXIT_TEXTS_AT 104

struct open_record {
  struct record_header header;
  __s64 ret;
  __u32 nr;
  __u32 open_flags;
  __u32 mode;
  __s32 dirfd;
  __u32 resolve;
  __u16 created;
  __u16 layer;
  __u64 ino;
  __u32 dev;
  __u32 file_mode;
  __u32 file_flags;
  __u32 magic;
  __u16 lengths[3];
};
#define OPEN_TEXTS_AT 158
#define OPEN_RAW 0
#define OPEN_RAW_MAX 4095
#define OPEN_BASE 1
#define OPEN_BASE_MAX 4095
#define OPEN_REAL 2
#define OPEN_REAL_MAX 4095

struct socket_record {
  struct record_header header;
  __s64 ret;
  __u32 nr;
  __s32 fd;
  __u64 args[6];
  __u16 family;
  __u16 sock_type;
  __u16 protocol;
  __u16 state;
  __u16 local_port;
  __u16 remote_port;
  __u8 role;
  __u8 changed;
  __u8 connected;
  __u8 pad2;
  __u8 local_addr[16];
  __u8 remote_addr[16];
  __u8 addr[16];
  __u16 addr_family;
  __u16 addr_port;
  __u32 queue_len;
  __u32 queue_max;
  __u32 pad3;
  __u64 ino;
  __u64 sock;
  __u64 peer;
  __u16 lengths[4];
};
#define SOCKET_TEXTS_AT 272
#define SOCKET_UNIX_PATH 0
#define SOCKET_UNIX_PATH_MAX 108
#define SOCKET_REAL 1
#define SOCKET_REAL_MAX 4095
#define SOCKET_DATA 2
#define SOCKET_DATA_MAX 4095
#define SOCKET_CONTROL 3
#define SOCKET_CONTROL_MAX 1023

struct cgroup_record {
  struct record_header header;
  __u16 lengths[1];
};
#define CGROUP_TEXTS_AT 98
#define CGROUP_CGROUP_PATH 0
#define CGROUP_CGROUP_PATH_MAX 255

struct chdir_record {
  struct record_header header;
  __s64 ret;
  __u32 nr;
  __s32 fd;
  __u16 lengths[1];
};
#define CHDIR_TEXTS_AT 114
#define CHDIR_CWD 0
#define CHDIR_CWD_MAX 4095

struct call_record {
  struct record_header header;
  __s64 ret;
  __u32 nr;
  __s32 fd;
  __u64 args[6];
  __u64 ino;
  __u32 dev;
  __u16 file_mode;
  __u16 layer;
  __u32 file_flags;
  __u32 magic;
  __u16 lengths[6];
};
#define CALL_TEXTS_AT 196
#define CALL_RAW 0
#define CALL_RAW_MAX 4095
#define CALL_BASE 1
#define CALL_BASE_MAX 4095
#define CALL_RAW2 2
#define CALL_RAW2_MAX 4095
#define CALL_BASE2 3
#define CALL_BASE2_MAX 4095
#define CALL_REAL 4
#define CALL_REAL_MAX 4095
#define CALL_DATA 5
#define CALL_DATA_MAX 4095

struct state_block {
  __u64 fdlimit;
  __u64 pgft_maj;
  __u64 pgft_min;
  __u32 vm_size;
  __u32 vm_rss;
  __u32 vm_swap;
  __s32 fd_open;
  __u32 threads;
  __u32 leader_ended;
  __u32 described;
  __u32 pad4;
};

struct descriptor_block {
  __u32 magic;
  __u32 file_flags;
  __u64 ino;
  __u16 name_length;
  __u8 name_partial;
  __u8 role;
  __u8 connected;
  __u8 pad5;
  __u16 family;
  __u16 sock_type;
  __u16 protocol;
  __u16 local_port;
  __u16 remote_port;
  __u8 local_addr[16];
  __u8 remote_addr[16];
  __u64 sock;
  __u64 peer;
};
