// Made from native/records.yaml by `node native/generate.ts`: do not edit.
export { CHANGES_PROCESS, KIND, type Kind } from '../../../native/kinds.ts';

/** Bits of the flags word of the header. */
export const FLAGS = {
  compat: 1,
  cut: 2,
  path_partial: 4,
  path_outside: 8,
  scanned: 16,
  unread: 32,
  uring: 64,
  state: 128,
  base_partial: 256,
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
  cpu: 76, // u32: on which it happened
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
  pidns_start: 128, // u64: start_boottime of the pid namespace's init
  fdlimit: 136, // u64: how many descriptors may be open
  pgft_maj: 144, // u64: page faults of the thread that had to read from disk
  pgft_min: 152, // u64: page faults of the thread that memory could answer
  vm_size: 160, // u32: kB; 0 when the process has no memory of its own any more
  vm_rss: 164, // u32: kB; lags behind by up to some dozen pages a processor
  vm_swap: 168, // u32: kB, likewise
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
  args_total: 136, // u32: bytes that argv has, cut or not
  env_total: 140, // u32
  cap_permitted: 144, // u64
  cap_inheritable: 152, // u64
  pidns_start: 160, // u64: start_boottime of the pid namespace's init
  exe_ino: 168, // u64
  exe_ctime: 176, // u64: ns since the epoch
  exe_mtime: 184, // u64: ns since the epoch
  fdlimit: 192, // u64: how many descriptors may be open
  pgft_maj: 200, // u64: page faults of the thread that had to read from disk
  pgft_min: 208, // u64: page faults of the thread that memory could answer
  vm_size: 216, // u32: kB; 0 when the process has no memory of its own any more
  vm_rss: 220, // u32: kB; lags behind by up to some dozen pages a processor
  vm_swap: 224, // u32: kB, likewise
} as const;
/** exec, scan: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const EXEC_TEXTS = {
  count: 6,
  lengths: 228,
  first: 240,
  exe_path: 0, // canonical path of the executable
  cwd: 1,
  args: 2, // argv, each ended by NUL
  env: 3, // environment, each ended by NUL; empty unless asked for
  filename: 4, // what execve was given (bprm->filename)
  cgroup_path: 5, // the memory controller's path where v1 has one that is not /, else the v2 path
} as const;
/** exec, scan: bytes of the ends that are kept of texts that are cut. */
export const EXEC_TAILS = {
  args: 1024,
  env: 1024,
} as const;

/** exit: byte offsets from the start of a record. */
export const EXIT = {
  exit_code: 96, // u32: as in wait(2)
  reaper: 100, // u32: tgid that inherits the children
} as const;

/** open: byte offsets from the start of a record. */
export const OPEN = {
  ret: 96, // s64: descriptor or -errno
  nr: 104, // u32: system call: 2 open, 85 creat, 257 openat, 304 open_by_handle_at, 437 openat2 (x86-64 numbers on every machine)
  open_flags: 108, // u32: the flags argument (openat2 reads how.flags)
  mode: 112, // u32: the mode argument
  dirfd: 116, // s32: -100 is AT_FDCWD
  resolve: 120, // u32: openat2's how.resolve
  created: 124, // u16: 1 when the call made the file (FMODE_CREATED)
  layer: 126, // u16: of overlayfs: 1 upper, 2 lower layer; else 0
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
  real: 2, // canonical path of the file that was opened; empty on failure, and unless asked for
} as const;

/** socket: byte offsets from the start of a record. */
export const SOCKET = {
  ret: 96, // s64
  nr: 104, // u32: system call, as calls.yaml numbers them
  fd: 108, // s32: the descriptor of the socket; -1 when there is none
  args: 112, // u64[6]: the arguments in registers
  family: 160, // u16: of the socket; 0 when the descriptor is none
  sock_type: 162, // u16: SOCK_STREAM 1, SOCK_DGRAM 2, …
  protocol: 164, // u16
  state: 166, // u16: TCP state
  local_port: 168, // u16
  remote_port: 170, // u16: host order; of a datagram: its other end
  role: 172, // u8: who this end is: 0 unknown, 1 client, 2 server
  changed: 173, // u8: 1: this event gave the descriptor another name
  connected: 174, // u8: 1: the socket has a peer, or has sent
  local_addr: 176, // u8[16]: network order; IPv4 uses the first four
  remote_addr: 192, // u8[16]
  addr: 208, // u8[16]: address in the sockaddr that the caller gave
  addr_family: 224, // u16: family in the sockaddr that the caller gave
  addr_port: 226, // u16: host order
  queue_len: 228, // u32: accept: connections that wait at the listening socket
  queue_max: 232, // u32: accept: how many may wait
  ino: 240, // u64: sockfs inode
  sock: 248, // u64: kernel address of struct sock (identity only)
  peer: 256, // u64: unix sockets: kernel address of the peer (identity only)
} as const;
/** socket: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const SOCKET_TEXTS = {
  count: 4,
  lengths: 264,
  first: 272,
  unix_path: 0, // unix sockets: the path given, else the socket's own or its peer's; abstract names begin with NUL
  real: 1, // unix sockets: canonical path of the file that it leads to, when that is asked for
  data: 2, // what the call moved: its beginning, as much as is asked for
  control: 3, // recvmsg: the beginning of its ancillary data, when it is asked for
} as const;

/** cgroup: byte offsets from the start of a record. */
export const CGROUP = {
} as const;
/** cgroup: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const CGROUP_TEXTS = {
  count: 1,
  lengths: 96,
  first: 98,
  cgroup_path: 0, // where it is now, as in exec
} as const;

/** chdir: byte offsets from the start of a record. */
export const CHDIR = {
  ret: 96, // s64
  nr: 104, // u32: 80 chdir, 81 fchdir
  fd: 108, // s32: of fchdir; else -1
} as const;
/** chdir: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const CHDIR_TEXTS = {
  count: 1,
  lengths: 112,
  first: 114,
  cwd: 0, // the new one, canonical
} as const;

/** call: byte offsets from the start of a record. */
export const CALL = {
  ret: 96, // s64
  nr: 104, // u32: system call, as calls.yaml numbers them
  fd: 108, // s32: the descriptor that the call is about; -1 when there is none
  args: 112, // u64[6]: the arguments in registers
  ino: 160, // u64: of the file behind the descriptor; 0 when there is none
  dev: 168, // u32: super block's device as userspace encodes it
  file_mode: 172, // u16: i_mode
  layer: 174, // u16: of overlayfs: 1 upper, 2 lower layer; else 0
  file_flags: 176, // u32: f_flags
  magic: 180, // u32: super block magic
} as const;
/** call: the order of the texts; `lengths`: where their u16 lengths are, `first`: where the first begins. */
export const CALL_TEXTS = {
  count: 6,
  lengths: 184,
  first: 196,
  raw: 0, // the first text or path as the caller wrote it, read at exit
  base: 1, // directory that it starts from; empty for an absolute path and for a mere text
  raw2: 2, // the second one
  base2: 3,
  real: 4, // canonical path of the file behind the descriptor; of what has none its name
  data: 5, // what the call moved: its beginning, as much as is asked for; or its note
} as const;

/** Byte offsets from the start of the block state, and its size. */
export const STATE = {
  fdlimit: 0, // u64: how many descriptors may be open
  pgft_maj: 8, // u64: page faults of the thread that had to read from disk
  pgft_min: 16, // u64: page faults of the thread that memory could answer
  vm_size: 24, // u32: kB; 0 when the process has no memory of its own any more
  vm_rss: 28, // u32: kB; lags behind by up to some dozen pages a processor
  vm_swap: 32, // u32: kB, likewise
  fd_open: 36, // s32: descriptors that are open; -1 when that was not counted
  threads: 40, // u32: threads that have not ended
  leader_ended: 44, // u32: 1: the first thread is not among them
  described: 48, // u32: descriptors that are described behind this: 3, from standard input on, or 0
  size: 56,
} as const;

/** Byte offsets from the start of the block descriptor, and its size. */
export const DESCRIPTOR = {
  magic: 0, // u32: super block magic; 0 when it is closed
  file_flags: 4, // u32: f_flags
  ino: 8, // u64
  name_length: 16, // u16
  name_partial: 18, // u8: 1: the name is not whole, 2: there was no room for it
  role: 19, // u8: as in socket
  connected: 20, // u8: as in socket
  family: 22, // u16: of a socket; else 0
  sock_type: 24, // u16
  protocol: 26, // u16
  local_port: 28, // u16
  remote_port: 30, // u16
  local_addr: 32, // u8[16]
  remote_addr: 48, // u8[16]
  sock: 64, // u64
  peer: 72, // u64
  size: 80,
} as const;
