// The numbers of the system calls that we read, in this machine's ABI and in its 32-bit one.
#pragma once
#include <vector>

#include <linux/types.h>

#include "../bpf/shared.h"

struct CallNumber {
  unsigned number;
  call which;
};

#if defined(__x86_64__)
// x32 (bit 30 masked off) has 64-bit numbers, except for the two at the end.
inline const std::vector<CallNumber> kNativeCalls = {
  {2, CALL_OPEN}, {85, CALL_CREAT}, {257, CALL_OPENAT}, {437, CALL_OPENAT2}, {42, CALL_CONNECT}, {80, CALL_CHDIR},
  {81, CALL_FCHDIR}, {59, CALL_EXECVE}, {322, CALL_EXECVEAT}, {520, CALL_EXECVE}, {545, CALL_EXECVEAT},
};
inline const std::vector<CallNumber> kCompatCalls = {
  {5, CALL_OPEN}, {8, CALL_CREAT}, {295, CALL_OPENAT}, {437, CALL_OPENAT2}, {362, CALL_CONNECT}, {102, CALL_SOCKETCALL},
  {12, CALL_CHDIR}, {133, CALL_FCHDIR}, {11, CALL_EXECVE}, {358, CALL_EXECVEAT},
};
#elif defined(__aarch64__)
inline const std::vector<CallNumber> kNativeCalls = {
  {56, CALL_OPENAT}, {437, CALL_OPENAT2}, {203, CALL_CONNECT}, {49, CALL_CHDIR}, {50, CALL_FCHDIR}, {221, CALL_EXECVE},
  {281, CALL_EXECVEAT},
};
inline const std::vector<CallNumber> kCompatCalls = {
  {5, CALL_OPEN}, {8, CALL_CREAT}, {322, CALL_OPENAT}, {437, CALL_OPENAT2}, {283, CALL_CONNECT}, {12, CALL_CHDIR},
  {133, CALL_FCHDIR}, {11, CALL_EXECVE}, {387, CALL_EXECVEAT},
};
#else
#error "x86-64 and arm64 only"
#endif
