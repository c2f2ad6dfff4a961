// Does what a line on standard input says, one action a line, and answers with one line: the result of the call (a
// descriptor, a status, -errno). The tests trace this process and its children, nothing else.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

// main.c: the words of the line, ended by NULL.
#define MAX_WORDS 16
extern char *words[MAX_WORDS + 1];
extern int count;
long number(int index);
// What a call returned as this program answers it.
long result(long value);
// Answers go to standard output: what a program prints does not.
extern int nowhere;

// Each does its kind of action; `what` is the first word.
#define NO_SUCH_ACTION LONG_MIN
long act_on_files(const char *what);
long act_on_sockets(const char *what);
long act_on_processes(const char *what);
long make_call(const char *what);

// files.c
long plain_open(const char *path, int flags, mode_t mode);

// sockets.c
struct sockaddr_in loopback(int port);

// processes.c
int wait_for(pid_t pid);

// calls32.c: 32-bit calls from a 64-bit process, where there are any, with arguments that 32 bits can address.
long call32(long nr, long a, long b, long c, long d, long e);
void *low_memory(const void *from, size_t size);
