// Made from native/records.yaml by `node native/generate.ts`: do not edit.
export { KIND, type Kind } from '../../../native/kinds.ts';

/** Bits of the flags word of the header. */
export const FLAGS = {
  compat: 1,
  cut: 2,
  path_partial: 4,
  path_outside: 8,
  scanned: 16,
  unread: 32,
} as const;

/** Byte offsets in the header, from the start of a record. */
export const HEADER = {
  kind: 0, // u16: which kind of record
  flags: 2, // u16: bit set: see flags
  size: 4, // u32: bytes of this record, header included
  time: 8, // u64: CLOCK_BOOTTIME in ns
  tid: 16, // u32
  tgid: 20, // u32
  ppid: 24, // u32: tgid of the real parent
  uid: 28, // u32: real user id
  euid: 32, // u32: effective user id; Falco's user.uid
  egid: 36, // u32: effective group id
  loginuid: 40, // u32: 0xffffffff when unset
  exec_id: 44, // u32: self_exec_id; one more at every exec
  start: 48, // u64: start_boottime of the thread group's leader in ns
  cap_effective: 56, // u64
  cgroup: 64, // u64: id of the cgroup in the v2 hierarchy
  mnt_ns: 72, // u32: inode number of the mount namespace
  comm: 80, // char[16]: name of the calling thread
} as const;
export const HEADER_SIZE = 96;

/** fork: byte offsets from the start of a record. */
export const FORK = {
  clone_flags: 96, // u64
  parent_start: 104, // u64: start_boottime of the parent's leader
  parent_tgid: 112, // u32: the process that called; differs from ppid with CLONE_PARENT
  parent_exec_id: 116, // u32
  vpid: 120, // u32
  vtid: 124, // u32
} as const;

/** exec, scan: byte offsets from the start of a record. */
export const EXEC = {
  old_tid: 96, // u32: the thread that called execve
  vpid: 100, // u32
  vtid: 104, // u32
  sid: 108, // u32: session id, global
  pgid: 112, // u32: process group, global
  vpgid: 116, // u32: process group in its own pid namespace; 0 when its leader is outside
  tty: 120, // u32: device number as userspace encodes it; 0 without a terminal
  gid: 124, // u32: real group id
  exe_flags: 128, // u32: 1 writable by the process, 2 overlay upper layer, 4 memfd, 8 overlay lower layer, 16 deleted, 32 path cut
  exe_dev: 132, // u32: super block's device as userspace encodes it
  args_total: 136, // u32: bytes that argv had before the cut
  env_total: 140, // u32
  cap_permitted: 144, // u64
  cap_inheritable: 152, // u64
  pidns_start: 160, // u64: start_boottime of the pid namespace's init
  exe_ino: 168, // u64
  exe_ctime: 176, // u64: ns since the epoch
  exe_mtime: 184, // u64: ns since the epoch
} as const;
/** exec, scan: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const EXEC_TEXTS = {
  count: 6,
  lengths: 192,
  first: 204,
  exe_path: 0, // canonical path of the executable
  cwd: 1,
  args: 2, // argv, each ended by NUL
  env: 3, // environment, each ended by NUL; empty unless asked for
  filename: 4, // what execve was given (bprm->filename)
  cgroup_path: 5, // the memory controller's path where v1 has one that is not /, else the v2 path
} as const;

/** exit: byte offsets from the start of a record. */
export const EXIT = {
  exit_code: 96, // u32: as in wait(2)
  reaper: 100, // u32: tgid that inherits the children
} as const;

/** open: byte offsets from the start of a record. */
export const OPEN = {
  ret: 96, // s64: descriptor or -errno
  nr: 104, // u32: system call: 2 open, 85 creat, 257 openat, 437 openat2 (x86-64 numbers on every machine)
  open_flags: 108, // u32: the flags argument (openat2 reads how.flags)
  mode: 112, // u32: the mode argument
  dirfd: 116, // s32: -100 is AT_FDCWD
  resolve: 120, // u32: openat2's how.resolve
  created: 124, // u32: 1 when the call made the file (FMODE_CREATED)
  ino: 128, // u64
  dev: 136, // u32: super block's device as userspace encodes it
  file_mode: 140, // u32: i_mode
  file_flags: 144, // u32: f_flags
  magic: 148, // u32: super block magic
} as const;
/** open: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const OPEN_TEXTS = {
  count: 3,
  lengths: 152,
  first: 158,
  raw: 0, // the path as the caller wrote it, read at exit
  base: 1, // directory the path starts from; empty for an absolute one, except with RESOLVE_IN_ROOT (resolve & 0x10)
  real: 2, // canonical path of the file that was opened; empty on failure
} as const;

/** connect: byte offsets from the start of a record. */
export const CONNECT = {
  ret: 96, // s64
  fd: 104, // s32
  family: 108, // u16: of the socket; 0 when the descriptor is none
  sock_type: 110, // u16: SOCK_STREAM 1, SOCK_DGRAM 2, …
  protocol: 112, // u16
  state: 114, // u16: TCP state
  local_port: 116, // u16
  remote_port: 118, // u16: host order
  local_addr: 120, // u8[16]: network order; IPv4 uses the first four
  remote_addr: 136, // u8[16]
  ino: 152, // u64: sockfs inode
  sock: 160, // u64: kernel address of struct sock (identity only)
  peer: 168, // u64: unix sockets: kernel address of the peer (identity only)
  addr_family: 176, // u16: family in the sockaddr that the caller gave
  addr_port: 178, // u16: host order
  addr: 184, // u8[16]: address in the sockaddr that the caller gave
} as const;
/** connect: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const CONNECT_TEXTS = {
  count: 1,
  lengths: 200,
  first: 202,
  unix_path: 0, // unix sockets: the path given; abstract names begin with NUL
} as const;

/** chdir: byte offsets from the start of a record. */
export const CHDIR = {
  ret: 96, // s64
  nr: 104, // u32: 80 chdir, 81 fchdir
} as const;
/** chdir: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const CHDIR_TEXTS = {
  count: 1,
  lengths: 112,
  first: 114,
  cwd: 0, // the new one, canonical
} as const;

/** exec_failed: byte offsets from the start of a record. */
export const EXEC_FAILED = {
  ret: 96, // s64
  nr: 104, // u32: 59 execve, 322 execveat
  dirfd: 108, // s32
} as const;
/** exec_failed: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const EXEC_FAILED_TEXTS = {
  count: 2,
  lengths: 112,
  first: 116,
  raw: 0,
  base: 1,
} as const;
