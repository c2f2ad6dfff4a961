// What the loader (addon) and the kernel programs agree on, besides the records themselves.
#pragma once

#define CALLS_ROOM 128    // above every enum call
#define CALL_NUMBERS 1024 // above every system call number, x32's 512-547 included

// Counted apart: records of processes' lives by their kind, others by their call.
#define COUNTED_KINDS 16
#define COUNTED (COUNTED_KINDS + CALLS_ROOM)

// How a call is read; call-table.h has one for each. Registers are counted from 1; 0 is none.
struct shape {
  __u16 nr;       // what the record carries
  __u8 kind;      // of record
  __u8 fd;        // the register with the descriptor, or one of the bits below
  __u8 text[2];   // registers that point to texts
  __u8 base[2];   // the register with the directory that each starts from; 0: not a path
  __u8 address;   // the register that points to a sockaddr
  __u8 data;      // the register that points to the data that the call moves
  __u8 low;       // yields to other records when the ring is nearly full
  __u8 note;      // the register that points to what else is told
  __u8 note_size; // of it; 0: it is a text
};
#define FROM_RESULT 0x10   // the call returns the descriptor; after a failure the register, if there is one
#define FROM_CWD 0x10      // a path that starts at the working directory
#define LENGTH_BEHIND 0x10 // the next register points to the sockaddr's length; else it is the length
#define IN_MESSAGE 0x20    // the register points to a msghdr
#define IN_VECTOR 0x10     // the register points to an iovec, the next register counts them
#define FROM_PROGRAM 0x40  // the program's own data; else what it receives
#define REGISTER 0x0f

#include "call-table.h"

// Outcomes of a call are told apart in these classes: 3 * access + result. The access of an open: 1 read, 2 write, 3
// both. Of other calls: what they are about; what may have a path shares no class with opens, whose paths are in the same
// maps.
enum result { RESULT_OK, RESULT_IN_PROGRESS, RESULT_FAILED };
enum socket_kind {
  SOCKET_OTHER = 0, // another socket, or none
  SOCKET_TCP = 1,   // or another stream of the internet
  SOCKET_OTHER_IP = 2, // whatever else is of the internet
  SOCKET_UNIX = 4,
};
#define CLASSES 15

// The bit of four bytes in a set of 64.
#define START_BIT(word) (1ull << ((__u32)((word) * 0x9e3779b1u) >> 26))

// The place of eight bytes in a set of LONG_STARTS bits.
#define LONG_STARTS 1024
#define LONG_START(word) ((__u32)(((word) ^ (word) >> 32) * 0x9e3779b1u) >> 22)

// Classes of outcome, a bit for each: of files whose path has a property.
struct path_classes {
  __u16 text; // the path that the call names
  __u16 real; // the canonical one
};

#define PREFIX_MAX 64 // longer prefixes are cut: they let more pass, never less
#define NAME_MAX_FILTERED 32

struct prefix_key {
  __u32 bits;
  char path[PREFIX_MAX];
};
struct name_key {
  __u64 words[NAME_MAX_FILTERED / 8]; // padded with zeros
};

struct comm_key {
  __u64 words[2]; // padded with zeros
};

// The end of an internet socket: an address, of which IPv4 is ::ffff:a.b.c.d, or a port, as it travels.
enum end_part { END_ADDRESS, END_PORT, END_PARTS };
#define END_PART_BITS 32
struct end_key {
  __u32 bits; // END_PART_BITS and those of the value
  __u32 part;
  __u8 value[16];
};
struct end_classes { // as path_classes, by whose end it is
  __u16 local, remote;
};

// What of a process's state is asked for.
enum state_part {
  STATE_USAGE = 1,
  STATE_OPEN = 2,  // how many descriptors are open
  STATE_STDIO = 4, // what the first three are
  STATE_NAMES = 8, // and what they lead to
};

#define HEAD_MAX 32768

#define SCOPE_PART 64     // process ids of one part of the scope; as many parts as hold all that the kernel can give
#define SCOPE_PARTS ((1 << 22) / SCOPE_PART)

// Constants of the loaded programs (.rodata): the verifier removes what they switch off.
struct config {
  __u64 refuse_above;            // bytes in the ring above which low-priority records are refused
  __u32 look_after;              // bytes that a processor may send before it looks again how much is in the ring
  __u8 scoped;                   // only processes in the scope
  __u8 page_kb;                  // of this machine
  __u32 args_head;               // bytes of a long argv, and of a long environment, that are kept from their beginnings:
  __u32 env_head;                // multiples of 4096, up to HEAD_MAX
};

// What is collected, which changes when the rules do (.bss, mapped by the consumer).
struct filter {
  __u64 prefix_starts;           // a bit for the first four bytes of each prefix, and of each name: most paths differ
  __u64 name_starts;             // there already
  __u64 name_ends;               // a bit for the last four bytes of each name; one of three bytes has a slash before it
  __u64 short_starts;            // a bit for the first four bytes of each prefix that has not eight
  __u64 long_starts[LONG_STARTS / 64]; // for the first eight bytes of each that has
  __u64 comm_starts[LONG_STARTS / 64]; // the same of threads' names: rules know many
  __u16 calls[CALL_NUMBERS];     // by number: low byte the native ABI's call, high byte the 32-bit ABI's
  __u16 keep[CALLS_ROOM];        // by call: the classes that are sent
  __u16 test[CALLS_ROOM];        // the classes that are sent when the path passes, or an end of the socket
  __u16 by_comm[CALLS_ROOM];     // the classes that are sent when the thread's name passes
  struct path_classes tests;     // of opens: the classes that are sent for some property of such a path
  struct path_classes hidden;    // passes when a name of the path begins with a dot
  struct end_classes ends[END_PARTS]; // of internet sockets: the classes that are sent for some such end
  __u8 history;                  // some call is looked at that asks what a socket was used for before
  __u8 env;                      // copy environments
  __u8 real;                     // canonical paths of what is opened
  __u8 file;                     // what else is known of the file that is opened
  __u16 data;                    // bytes of what calls move that are copied
  __u8 state[COUNTED];           // enum state_part, by what is counted
  __u8 room;                     // how much the buffers of a vector hold together
  __u8 control;                  // ancillary data of what is received
};

// Words that change while the programs run (.bss, mapped by the consumer).
struct control {
  __u32 doorbell;                // bytes in the ring that the consumer, who sleeps, is woken for, once; 0: it does not sleep
  __u32 self;                    // tgid of the sensor, as the kernel numbers it; never traced
  __u32 scan_tgid;               // scan only this process; 0 scans all
  __u32 seed_pid;                // seed the scope with this pid of the sensor's own pid namespace
  __u32 seeded;                  // processes that the last seeding pass added
  __u32 pad;
};

struct counters {                // of a processor; so many bytes that no two share a cache line
  __u64 sent[COUNTED];
  __u64 dropped[COUNTED];        // the ring was full
  __u64 refused[COUNTED];        // low priority, and the ring nearly full
  __u64 filtered[COUNTED];       // no rule can match it
  __u64 looked;                  // times that the ring could have been looked at before a low-priority record
  __u64 pressed;                 // it was nearly full then
  __u64 unlooked;                // bytes sent, while the consumer slept, since it was looked how many are in the ring
  __u64 uring_lost;              // of io_uring: done when the process was not there any more, or by a request that was displaced, of which no more is known
  __u64 shortened;               // exec records with less of argv or the environment than is asked for: there was no room
} __attribute__((aligned(64)));
