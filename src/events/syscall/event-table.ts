/**
 * Falco's event types (spec/falco-engine.md §5), one a row; a row goes on in lines that are indented.
 *
 * `NAME CODES CATEGORY TRAITS PARAMS…`: the first code is the one that today's events carry, the others are its enter
 * slot and retired versions. Traits: creates, uses, destroys (a descriptor), reads, writes (it), waits, `fd=I` (the
 * param that holds the descriptor). A param is `name:TYPE`, then `/x`, `/o` (prints in hex, octal), `=FLAGSET`
 * (flags.ts), `@I` (relative to the directory descriptor in param I), `<A|B>` (one of these types).
 */
export const syscallRows = `
open 3,2 file creates fd:FD name:FSPATH flags:FLAGS32/x=file_flags mode:UINT32/o dev:UINT32/x ino:UINT64
creat 59,58 file creates fd:FD name:FSPATH mode:UINT32/o dev:UINT32/x ino:UINT64 creat_flags:FLAGS16/x=creat_flags
stat 67,66 file - res:ERRNO path:FSPATH
lstat 69,68 file - res:ERRNO path:FSPATH
fstat 71,70 file uses,fd=1 res:ERRNO fd:FD
stat64 73,72 file - res:ERRNO path:FSPATH
lstat64 75,74 file - res:ERRNO path:FSPATH
fstat64 77,76 file - res:ERRNO
lseek 87,86 file uses,fd=1 res:ERRNO fd:FD offset:UINT64 whence:ENUMFLAGS8=lseek_whence
llseek 89,88 file uses,fd=1 res:ERRNO fd:FD offset:UINT64 whence:ENUMFLAGS8=lseek_whence
getcwd 93,92 file - res:ERRNO path:CHARBUF
chdir 95,94 file - res:ERRNO path:CHARBUF
fchdir 97,96 file uses,fd=1 res:ERRNO fd:FD
rename 175,174 file - res:ERRNO oldpath:FSPATH newpath:FSPATH
renameat 177,176 file - res:ERRNO olddirfd:FD oldpath:FSRELPATH@1 newdirfd:FD newpath:FSRELPATH@3
symlink 179,178 file - res:ERRNO target:CHARBUF linkpath:FSPATH
symlinkat 181,180 file uses,fd=2 res:ERRNO target:CHARBUF linkdirfd:FD linkpath:FSRELPATH@2
getdents 237,236 file uses,fd=1 res:ERRNO fd:FD
getdents64 239,238 file uses,fd=1 res:ERRNO fd:FD
flock 243,242 file uses,fd=1 res:ERRNO fd:FD operation:FLAGS32/x=flock_flags
mount 257,256 file - res:ERRNO dev:CHARBUF dir:FSPATH type:CHARBUF flags:FLAGS32/x=mount_flags
access 265,264 file - res:ERRNO name:FSPATH mode:FLAGS32/x=access_flags
mkdir 277,98,99,276 file - res:ERRNO path:FSPATH mode:UINT32/x
rmdir 279,100,101,278 file - res:ERRNO path:FSPATH
unlink 301,108,109,300 file - res:ERRNO path:FSPATH
unlinkat 303,110,111,302 file uses,fd=1 res:ERRNO dirfd:FD name:FSRELPATH@1 flags:FLAGS32/x=unlinkat_flags
mkdirat 305,304 file uses,fd=1 res:ERRNO dirfd:FD path:FSRELPATH@1 mode:UINT32/x
openat 307,102,103,306 file creates fd:FD dirfd:FD name:FSRELPATH@1 flags:FLAGS32/x=file_flags mode:UINT32/o
    dev:UINT32/x ino:UINT64
link 309,104,105,308 file - res:ERRNO oldpath:FSPATH newpath:FSPATH
linkat 311,106,107,310 file - res:ERRNO olddir:FD oldpath:FSRELPATH@1 newdir:FD newpath:FSRELPATH@3
    flags:FLAGS32/x=linkat_flags
fchmodat 313,312 file uses,fd=1 res:ERRNO dirfd:FD filename:FSRELPATH@1 mode:MODE/o=chmod_mode
chmod 315,314 file - res:ERRNO filename:FSPATH mode:MODE/o=chmod_mode
fchmod 317,316 file uses,fd=1 res:ERRNO fd:FD mode:MODE/o=chmod_mode
renameat2 319,318 file - res:ERRNO olddirfd:FD oldpath:FSRELPATH@1 newdirfd:FD newpath:FSRELPATH@3
    flags:FLAGS32/x=renameat2_flags
userfaultfd 321,320 file creates res:ERRNO flags:FLAGS32/x=file_flags
openat2 327,326 file creates fd:FD dirfd:FD name:FSRELPATH@1 flags:FLAGS32/x=file_flags mode:UINT32/o
    resolve:FLAGS32/x=openat2_flags dev:UINT32/x ino:UINT64
copy_file_range 333,332 file uses,reads,writes,fd=1 res:ERRNO fdout:FD offout:UINT64 fdin:FD offin:UINT64
    len:UINT64
open_by_handle_at 337,336 file creates fd:FD mountfd:FD flags:FLAGS32/x=file_flags path:FSPATH dev:UINT32/x
    ino:UINT64
chown 379,378 file - res:ERRNO path:FSPATH uid:UINT32 gid:UINT32
lchown 381,380 file - res:ERRNO path:FSPATH uid:UINT32 gid:UINT32
fchown 383,382 file uses,fd=1 res:ERRNO fd:FD uid:UINT32 gid:UINT32
fchownat 385,384 file uses,fd=1 res:ERRNO dirfd:FD pathname:FSRELPATH@1 uid:UINT32 gid:UINT32
    flags:FLAGS32/x=fchownat_flags
umount 387,258,259,386 file - res:ERRNO name:FSPATH
umount2 391,390 file - res:ERRNO name:FSPATH flags:FLAGS32/x=umount_flags
newfstatat 419,418 file uses,fd=1 res:ERRNO dirfd:FD path:FSRELPATH@1 flags:FLAGS32/x=newfstatat_flags
read 7,6 io_read uses,reads,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32
recv 33,32 io_read uses,reads,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 tuple:SOCKTUPLE
recvfrom 35,34 io_read uses,reads,fd=3 res:ERRNO data:BYTEBUF tuple:SOCKTUPLE fd:FD size:UINT32
recvmsg 53,52 io_read uses,reads,fd=5 res:ERRNO size:UINT32 data:BYTEBUF tuple:SOCKTUPLE msgcontrol:BYTEBUF fd:FD
recvmmsg 55,54 io_read uses,reads,fd=1 res:ERRNO fd:FD size:UINT32 data:BYTEBUF tuple:SOCKTUPLE msgcontrol:BYTEBUF
pread 113,112 io_read uses,reads,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 pos:UINT64
readv 117,116 io_read uses,reads,fd=3 res:ERRNO size:UINT32 data:BYTEBUF fd:FD
preadv 121,120 io_read uses,reads,fd=3 res:ERRNO size:UINT32 data:BYTEBUF fd:FD pos:UINT64
write 9,8 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32
send 29,28 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 tuple:SOCKTUPLE
sendto 31,30 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 tuple:SOCKTUPLE
sendmsg 49,48 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 tuple:SOCKTUPLE
sendmmsg 51,50 io_write uses,writes,fd=1 res:ERRNO fd:FD size:UINT32 data:BYTEBUF tuple:SOCKTUPLE
pwrite 115,114 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 pos:UINT64
writev 119,118 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32
pwritev 123,122 io_write uses,writes,fd=2 res:ERRNO data:BYTEBUF fd:FD size:UINT32 pos:UINT64
sendfile 189,188 io_write uses,fd=2 res:ERRNO offset:UINT64 out_fd:FD in_fd:FD size:UINT64
close 5,4 io_other destroys,uses,fd=1 res:ERRNO fd:FD
fcntl 151,150 io_other uses,fd=1 res:FD fd:FD cmd:ENUMFLAGS8=fcntl_commands arg:UINT64/x
splice 167,166 io_other uses,fd=2 res:ERRNO fd_in:FD fd_out:FD size:UINT64 flags:FLAGS32/x=splice_flags
ioctl 171,90,91,170 io_other uses,fd=1 res:ERRNO fd:FD request:UINT64/x argument:UINT64/x
io_uring_setup 339,338 io_other creates res:ERRNO entries:UINT32 sq_entries:UINT32 cq_entries:UINT32
    flags:FLAGS32/x=io_uring_setup_flags sq_thread_cpu:UINT32 sq_thread_idle:UINT32
    features:FLAGS32/x=io_uring_setup_feats
io_uring_enter 341,340 io_other uses,fd=1 res:ERRNO fd:FD to_submit:UINT32 min_complete:UINT32
    flags:FLAGS32/x=io_uring_enter_flags sig:SIGSET
io_uring_register 343,342 io_other uses,fd=1 res:ERRNO fd:FD opcode:ENUMFLAGS16=io_uring_register_opcodes
    arg:UINT64/x nr_args:UINT32
dup2 363,362 io_other creates,uses,fd=1 res:FD oldfd:FD newfd:FD
dup3 365,364 io_other creates,uses,fd=1 res:FD oldfd:FD newfd:FD flags:FLAGS32/x=file_flags
dup 367,124,125,366 io_other creates,uses,fd=1 res:FD oldfd:FD
close_range 451 io_other - res:ERRNO first:UINT32 last:UINT32 flags:FLAGS32/x=close_range_flags
socket 19,18 net creates fd:FD domain:ENUMFLAGS32=socket_families type:UINT32 proto:UINT32
    flags:FLAGS32/x=file_flags
bind 21,20 net uses,fd=2 res:ERRNO addr:SOCKADDR fd:FD
connect 23,22 net uses,fd=2 res:ERRNO tuple:SOCKTUPLE fd:FD addr:SOCKADDR
listen 25,24 net uses,fd=1 res:ERRNO fd:FD backlog:INT32
shutdown 37,36 net uses,fd=1 res:ERRNO fd:FD how:ENUMFLAGS8/x=shutdown_how
getsockname 39,38 net -
getpeername 41,40 net -
setsockopt 45,44 net uses,fd=1 res:ERRNO fd:FD level:ENUMFLAGS8=sockopt_levels optname:ENUMFLAGS8=sockopt_options
    val:DYN<BYTEBUF|ERRNO|UINT32|UINT64|RELTIME> optlen:UINT32
getsockopt 47,46 net uses,fd=1 res:ERRNO fd:FD level:ENUMFLAGS8=sockopt_levels optname:ENUMFLAGS8=sockopt_options
    val:DYN<BYTEBUF|ERRNO|UINT32|UINT64|RELTIME> optlen:UINT32
accept 247,26,27,56,57,246,248,249 net creates fd:FD tuple:SOCKTUPLE queuepct:UINT8 queuelen:UINT32
    queuemax:UINT32
accept4 389,388 net creates fd:FD tuple:SOCKTUPLE queuepct:UINT8 queuelen:UINT32 queuemax:UINT32 flags:INT32/x
socketpair 43,42 ipc creates res:ERRNO fd1:FD fd2:FD source:UINT64/x peer:UINT64/x
    domain:ENUMFLAGS32=socket_families type:UINT32 proto:UINT32
pipe 61,60 ipc creates res:ERRNO fd1:FD fd2:FD ino:UINT64
eventfd 63,62 ipc creates res:FD initval:UINT64 flags:UINT32/x
futex 65,64 ipc - res:ERRNO addr:UINT64/x op:FLAGS16/x=futex_operations val:UINT64
inotify_init 139,138 ipc creates res:FD flags:UINT8/x
pipe2 393,392 ipc creates res:ERRNO fd1:FD fd2:FD ino:UINT64 flags:FLAGS32/x=file_flags
inotify_init1 395,394 ipc creates res:FD flags:FLAGS16/x=file_flags
eventfd2 397,396 ipc creates res:FD flags:FLAGS16/x=file_flags initval:UINT64
process_vm_readv 421,420 ipc - res:INT64 pid:PID data:BYTEBUF
process_vm_writev 423,422 ipc - res:INT64 pid:PID data:BYTEBUF
epoll_wait 79,78 wait waits res:ERRNO maxevents:ERRNO
poll 81,80 wait waits res:ERRNO fds:FDLIST timeout:INT64
select 83,82,84,85 wait waits res:ERRNO
ppoll 255,254 wait waits res:ERRNO fds:FDLIST timeout:RELTIME sigmask:SIGSET
epoll_create 375,374 wait creates res:ERRNO size:INT32
epoll_create1 377,376 wait creates res:ERRNO flags:FLAGS32/x=epoll_create1_flags
nanosleep 135,134 sleep waits res:ERRNO interval:RELTIME
timerfd_create 137,136 time creates res:FD clockid:UINT8 flags:UINT8/x
signalfd 127,126 signal creates res:FD fd:FD mask:UINT32/x flags:UINT8/x
kill 129,128 signal - res:ERRNO pid:PID sig:SIGTYPE
tkill 131,130 signal - res:ERRNO tid:PID sig:SIGTYPE
tgkill 133,132 signal - res:ERRNO pid:PID tid:PID sig:SIGTYPE
signalfd4 399,398 signal creates res:FD flags:FLAGS16/x=file_flags fd:FD mask:UINT32/x
brk 159,10,11,158 memory - res:UINT64/x vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 addr:UINT64/x
mmap 161,160 memory uses,fd=8 res:ERRNO vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 addr:UINT64/x length:UINT64
    prot:FLAGS32/x=prot_flags flags:FLAGS32/x=mmap_flags fd:FD offset:UINT64
mmap2 163,162 memory uses,fd=8 res:ERRNO vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 addr:UINT64/x length:UINT64
    prot:FLAGS32/x=prot_flags flags:FLAGS32/x=mmap_flags fd:FD pgoffset:UINT64
munmap 165,164 memory - res:ERRNO vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 addr:UINT64/x length:UINT64
mprotect 329,328 memory - res:ERRNO addr:UINT64/x length:UINT64 prot:FLAGS32/x=prot_flags
mlock 345,344 memory - res:ERRNO addr:UINT64/x len:UINT64
munlock 347,346 memory - res:ERRNO addr:UINT64/x len:UINT64
mlockall 349,348 memory - res:ERRNO flags:FLAGS32/x=mlockall_flags
munlockall 351,350 memory - res:ERRNO
mlock2 371,370 memory - res:ERRNO addr:UINT64/x len:UINT64 flags:FLAGS32/x=mlock2_flags
memfd_create 405,404 memory creates fd:FD name:CHARBUF flags:FLAGS32/x=memfd_create_flags
getrlimit 141,140 process - res:ERRNO cur:INT64 max:INT64 resource:ENUMFLAGS8=rlimit_resources
setrlimit 143,142 process - res:ERRNO cur:INT64 max:INT64 resource:ENUMFLAGS8=rlimit_resources
prlimit 145,144 process - res:ERRNO newcur:INT64 newmax:INT64 oldcur:INT64 oldmax:INT64 pid:INT64
    resource:ENUMFLAGS8=rlimit_resources
ptrace 169,168 process - res:ERRNO addr:DYN<UINT64|SIGTYPE> data:DYN<UINT64|SIGTYPE>
    request:ENUMFLAGS16=ptrace_requests pid:PID
clone 223,14,15,156,157,216,217,222 process - res:PID exe:CHARBUF args:BYTEBUF tid:PID pid:PID ptid:PID
    cwd:CHARBUF fdlimit:INT64 pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32
    comm:CHARBUF cgroups:BYTEBUF flags:FLAGS32/x=clone_flags uid:UINT32 gid:UINT32 vtid:PID vpid:PID
    pidns_init_start_ts:UINT64
fork 225,182,183,218,219,224 process - res:PID exe:CHARBUF args:BYTEBUF tid:PID pid:PID ptid:PID cwd:CHARBUF
    fdlimit:INT64 pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 comm:CHARBUF
    cgroups:BYTEBUF flags:FLAGS32/x=clone_flags uid:UINT32 gid:UINT32 vtid:PID vpid:PID pidns_init_start_ts:UINT64
vfork 227,184,185,220,221,226 process - res:PID exe:CHARBUF args:BYTEBUF tid:PID pid:PID ptid:PID cwd:CHARBUF
    fdlimit:INT64 pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 comm:CHARBUF
    cgroups:BYTEBUF flags:FLAGS32/x=clone_flags uid:UINT32 gid:UINT32 vtid:PID vpid:PID pidns_init_start_ts:UINT64
setns 241,240 process uses,fd=1 res:ERRNO fd:FD nstype:FLAGS32/x=clone_flags
semop 251,250 process - res:ERRNO nsops:UINT32 sem_num_0:UINT16 sem_op_0:INT16 sem_flg_0:FLAGS16/x=semop_flags
    sem_num_1:UINT16 sem_op_1:INT16 sem_flg_1:FLAGS16/x=semop_flags semid:INT32
semctl 253,252 process - res:ERRNO semid:INT32 semnum:INT32 cmd:FLAGS16/x=semctl_commands val:INT32
semget 263,262 process - res:ERRNO key:INT32/x nsems:INT32 semflg:FLAGS32/x=semget_flags
chroot 267,266 process - res:ERRNO path:FSPATH
setsid 275,274 process - res:PID
unshare 285,284 process - res:ERRNO flags:FLAGS32/x=clone_flags
execve 293,12,13,154,155,172,173,214,215,230,231,282,283,288,289,292 process - res:ERRNO exe:CHARBUF args:BYTEBUF
    tid:PID pid:PID ptid:PID cwd:CHARBUF fdlimit:UINT64 pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32
    vm_rss:UINT32 vm_swap:UINT32 comm:CHARBUF cgroups:BYTEBUF env:BYTEBUF tty:UINT32 vpgid:PID loginuid:UID
    flags:FLAGS32/x=execve_flags cap_inheritable:UINT64/x cap_permitted:UINT64/x cap_effective:UINT64/x
    exe_ino:UINT64 exe_ino_ctime:ABSTIME exe_ino_mtime:ABSTIME uid:UID trusted_exepath:FSPATH pgid:PID gid:GID
    filename:FSPATH
setpgid 295,294 process - res:ERRNO pid:PID pgid:PID
execveat 331,330 process - res:ERRNO exe:CHARBUF args:BYTEBUF tid:PID pid:PID ptid:PID cwd:CHARBUF fdlimit:UINT64
    pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 comm:CHARBUF cgroups:BYTEBUF
    env:BYTEBUF tty:UINT32 vpgid:PID loginuid:UID flags:FLAGS32/x=execve_flags cap_inheritable:UINT64/x
    cap_permitted:UINT64/x cap_effective:UINT64/x exe_ino:UINT64 exe_ino_ctime:ABSTIME exe_ino_mtime:ABSTIME
    uid:UID trusted_exepath:FSPATH pgid:PID gid:GID
clone3 335,334 process - res:PID exe:CHARBUF args:BYTEBUF tid:PID pid:PID ptid:PID cwd:CHARBUF fdlimit:INT64
    pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 comm:CHARBUF cgroups:BYTEBUF
    flags:FLAGS32/x=clone_flags uid:UINT32 gid:UINT32 vtid:PID vpid:PID pidns_init_start_ts:UINT64
capset 353,352 process - res:ERRNO cap_inheritable:UINT64/x cap_permitted:UINT64/x cap_effective:UINT64/x
prctl 401,400 process - res:ERRNO option:ENUMFLAGS32=prctl_options arg2_str:CHARBUF arg2_int:INT64
pidfd_getfd 407,406 process creates fd:FD pid_fd:FD target_fd:FD flags:UINT32/x
pidfd_open 409,408 process creates fd:FD pid:PID flags:FLAGS32/x=pidfd_open_flags
quotactl 191,190 user - res:ERRNO special:CHARBUF quotafilepath:CHARBUF dqb_bhardlimit:UINT64
    dqb_bsoftlimit:UINT64 dqb_curspace:UINT64 dqb_ihardlimit:UINT64 dqb_isoftlimit:UINT64 dqb_btime:RELTIME
    dqb_itime:RELTIME dqi_bgrace:RELTIME dqi_igrace:RELTIME dqi_flags:FLAGS8=quotactl_dqi_flags
    quota_fmt_out:FLAGS8=quotactl_quota_fmts cmd:FLAGS16=quotactl_cmds type:FLAGS8=quotactl_types id:UINT32
    quota_fmt:FLAGS8=quotactl_quota_fmts
setresuid 193,192 user - res:ERRNO ruid:UID euid:UID suid:UID
setresgid 195,194 user - res:ERRNO rgid:GID egid:GID sgid:GID
setuid 199,198 user - res:ERRNO uid:UID
setgid 201,200 user - res:ERRNO gid:GID
getuid 203,202 user - uid:UID
geteuid 205,204 user - euid:UID
getgid 207,206 user - gid:GID
getegid 209,208 user - egid:GID
getresuid 211,210 user - res:ERRNO ruid:UID euid:UID suid:UID
getresgid 213,212 user - res:ERRNO rgid:GID egid:GID sgid:GID
setreuid 427,426 user - res:ERRNO ruid:UID euid:UID
setregid 429,428 user - res:ERRNO rgid:UID egid:UID
fsconfig 373,372 system uses,fd=1 res:ERRNO fd:FD cmd:ENUMFLAGS32=fsconfig_cmds key:CHARBUF value_bytebuf:BYTEBUF
    value_charbuf:CHARBUF aux:INT32
syscall 1,0 other - ID:SYSCALLID nativeID:UINT16
seccomp 299,298 other - res:ERRNO op:UINT64 flags:UINT64/x
bpf 369,296,297,368 other creates fd:FD cmd:ENUMFLAGS32=bpf_commands
init_module 411,410 other - res:ERRNO img:BYTEBUF length:UINT64 uargs:CHARBUF
finit_module 413,412 other uses,reads,fd=1 res:ERRNO fd:FD uargs:CHARBUF flags:FLAGS32/x=finit_module_flags
mknod 415,414 other - res:ERRNO path:FSPATH mode:MODE/o=mknod_mode dev:UINT32
mknodat 417,416 other uses,fd=1 res:ERRNO dirfd:FD path:FSRELPATH@1 mode:MODE/o=mknod_mode dev:UINT32
delete_module 425,424 other - res:ERRNO name:CHARBUF flags:FLAGS32/x=delete_module_flags
keyctl 453 other - res:ERRNO operation:ENUMFLAGS32=keyctl_operations arg2:DYN<INT64|CHARBUF>
    arg3:DYN<INT64|CHARBUF> arg4:DYN<INT64|CHARBUF> arg5:DYN<INT64|CHARBUF>
`;

/** Events of the kernel that no system call makes: scheduler, signals, exits, page faults. */
export const tracepointRows = `
switch 152,146 scheduler - next:PID pgft_maj:UINT64 pgft_min:UINT64 vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32
procexit 186,16 process - status:ERRNO ret:ERRNO sig:SIGTYPE core:UINT8 reaper_tid:PID
signaldeliver 232 signal - spid:PID dpid:PID sig:SIGTYPE
page_fault 290 other - addr:UINT64/x ip:UINT64/x error:FLAGS32/x=pf_flags
`;

/** Events that a Falco driver, library or plugin makes up. */
export const metaRows = `
drop 149,148 internal - ratio:UINT32
scapevent 196 internal - event_type:UINT32 event_data:UINT64
procinfo 234 internal - cpu_usr:UINT64 cpu_sys:UINT64
cpu_hotplug 244 system - cpu:UINT32 action:UINT32
notification 280 other - id:CHARBUF desc:CHARBUF
infra 286 internal - source:CHARBUF name:CHARBUF description:CHARBUF scope:CHARBUF
container 324,228,272 process - json:CHARBUF
useradded 354 process - uid:UINT32 gid:UINT32 name:CHARBUF home:CHARBUF shell:CHARBUF container_id:CHARBUF
userdeleted 356 process - uid:UINT32 gid:UINT32 name:CHARBUF home:CHARBUF shell:CHARBUF container_id:CHARBUF
groupadded 358 process - gid:UINT32 name:CHARBUF container_id:CHARBUF
groupdeleted 360 process - gid:UINT32 name:CHARBUF container_id:CHARBUF
asyncevent 402 other - plugin_id:UINT32 name:CHARBUF data:BYTEBUF
pluginevent 322 other - plugin_id:UINT32 event_data:BYTEBUF
task 430 process - ppid:PID32 pgid:PID32 vpgid:PID32 sid:PID32 comm:CHARBUF argv:CHARBUFARRAY exepath:FSPATH
    flags:FLAGS32/x=execve_flags env:CHARBUFARRAY cwd:CHARBUF fdlimit:UINT64 euid:UID egid:GID
    cap_permitted:UINT64/x cap_effective:UINT64/x cap_inheritable:UINT64/x exe_ino_num:UINT64
    exe_ino_ctime:ABSTIME exe_ino_mtime:ABSTIME vm_size:UINT32 vm_rss:UINT32 vm_swap:UINT32 pgft_maj:UINT64
    pgft_min:UINT64 vtgid:PID32 vpid:PID32 pidns_init_start_ts:UINT64 cgroups:CHARBUFARRAY root:FSPATH
    start_time:ABSTIME tty:UINT32 loginuid:UID
task_file_pipe 432 file - fd:FD32 path:FSPATH ino_num:UINT64
task_file_memfd 434 file - fd:FD32 path:FSPATH ino_num:UINT64
task_file_regular 436 file - fd:FD32 path:FSPATH flags:FLAGS32/x=file_flags mnt_id:UINT32 ino_num:UINT64
task_file_directory 438 file - fd:FD32 path:FSPATH ino_num:UINT64
task_file_socket_inet 440 file - fd:FD32 sk_type:UINT16 sk_proto:UINT16 local_ip:IPV4ADDR local_port:PORT
    remote_ip:IPV4ADDR remote_port:PORT ino_num:UINT64
task_file_socket_inet6 442 file - fd:FD32 sk_type:UINT16 sk_proto:UINT16 local_ip:IPV6ADDR local_port:PORT
    remote_ip:IPV6ADDR remote_port:PORT ino_num:UINT64
task_file_socket_unix 444 file - fd:FD32 sk_type:UINT16 sk_proto:UINT16 sk_pointer:UINT64 sun_path:FSPATH
    ino_num:UINT64
task_file_socket_netlink 446 file - fd:FD32 sk_type:UINT16 sk_proto:UINT16 ino_num:UINT64
task_file_anon_inode 448 file - fd:FD32 fd_type:FLAGS8=anon_inode_fd_types path:FSPATH ino_num:UINT64
k8s 260 internal -
tracer 268 internal -
mesos 270 internal -
`;

/** System calls without a row of their own: they share the codes of the generic event, and `evt.type` is their name. */
export const genericSyscalls = `
  _newselect _sysctl acct add_key adjtimex alarm arch_prctl bdflush cachestat capget clock_adjtime clock_getres
  clock_gettime clock_nanosleep clock_settime create_module epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2
  epoll_wait_old exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_init fanotify_mark fchmodat2
  fdatasync fgetxattr file_getattr file_setattr flistxattr fremovexattr fsetxattr fsmount fsopen fspick
  fstatat64 fstatfs fstatfs64 fsync ftruncate futex_requeue futex_wait futex_waitv futex_wake futimesat
  get_kernel_syms get_mempolicy get_robust_list get_thread_area getcpu getgroups getitimer getpgid getpgrp
  getpid getpmsg getppid getpriority getrandom getrusage getsid gettid gettimeofday getxattr getxattrat idle
  inotify_add_watch inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioperm
  iopl ioprio_get ioprio_set ipc kcmp kexec_file_load kexec_load landlock_add_rule landlock_create_ruleset
  landlock_restrict_self lgetxattr listmount listns listxattr listxattrat llistxattr lookup_dcookie lremovexattr
  lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr madvise map_shadow_stack mbind membarrier
  memfd_secret migrate_pages mincore modify_ldt mount_setattr move_mount move_pages mq_getsetattr mq_notify
  mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync multiplexer
  name_to_handle_at nfsservctl nice oldfstat oldlstat oldolduname oldstat olduname open_tree open_tree_attr
  pause pciconfig_iobase pciconfig_read pciconfig_write perf_event_open personality pidfd_send_signal pivot_root
  pkey_alloc pkey_free pkey_mprotect preadv2 process_madvise process_mrelease pselect6 pwritev2 query_module
  quotactl_fd readahead readdir readlink readlinkat reboot remap_file_pages removexattr removexattrat
  request_key restart_syscall riscv_flush_icache riscv_hwprobe rseq rseq_slice_yield rt_sigaction rt_sigpending
  rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo rtas
  s390_guarded_storage s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi
  sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
  sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler
  sched_yield semtimedop set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area set_tid_address
  setdomainname setfsgid setfsuid setgroups sethostname setitimer setpriority settimeofday setxattr setxattrat
  sgetmask shmat shmctl shmdt shmget sigaction sigaltstack signal sigpending sigprocmask sigreturn sigsuspend
  socketcall spu_create spu_run ssetmask statfs statfs64 statmount statx stime subpage_prot swapcontext swapoff
  swapon switch_endian sync sync_file_range sync_file_range2 syncfs sys_debug_setcontext sysfs sysinfo syslog
  tee time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd timerfd_gettime
  timerfd_settime times truncate umask uname uprobe uretprobe uselib ustat utime utimensat utimes vhangup vm86
  vmsplice wait4 waitid waitpid
`;
