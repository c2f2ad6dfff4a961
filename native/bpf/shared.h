// What the loader (addon) and the kernel programs agree on, besides the records themselves.
#pragma once

// A system call as one byte, so that one table serves every machine and ABI.
enum call {
  CALL_NONE,
  CALL_OPEN,
  CALL_CREAT,
  CALL_OPENAT,
  CALL_OPENAT2,
  CALL_CONNECT,
  CALL_SOCKETCALL, // IA-32's multiplexer: only its connect counts
  CALL_CHDIR,
  CALL_FCHDIR,
  CALL_EXECVE,
  CALL_EXECVEAT,
};

#define CALL_NUMBERS 1024 // above every system call number, x32's 512-547 included

// Constants of the loaded programs (.rodata): the verifier removes what they switch off.
struct config {
  __u64 refuse_above;            // bytes in the ring above which low-priority records are refused
  __u16 calls[CALL_NUMBERS];     // by number: low byte the native ABI's call, high byte the 32-bit ABI's
  __u8 env;                      // copy environments
  __u8 scoped;                   // only processes in the scope map
};

// Words that change while the programs run (.bss, mapped by the consumer).
struct control {
  __u32 doorbell;                // the consumer is about to sleep: ring once
  __u32 self;                    // tgid of the sensor, as the kernel numbers it; never traced
  __u32 scan_tgid;               // scan only this process; 0 scans all
  __u32 seed_pid;                // seed the scope with this pid of the sensor's own pid namespace
  __u32 seeded;                  // processes that the last seeding pass added
  __u32 pad;
};

#define COUNTED_KINDS 16

struct counters {                // per CPU
  __u64 sent[COUNTED_KINDS];     // by kind of record
  __u64 dropped[COUNTED_KINDS];  // the ring was full
  __u64 refused[COUNTED_KINDS];  // low priority, and the ring nearly full
  __u64 scope_full;              // processes that did not fit into the scope map
};
