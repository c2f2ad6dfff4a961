// The actor performs the tests of `falco-pipe test`: system calls with exact arguments, in processes with exact names.
// One program in several roles, told by the variable FALCO_PIPE_TEST of its environment (the detector reads it too):
//   none           the stage: reads plans from its standard input and starts a root for each
//   ID/root        prepares a test, starts its chain of processes, undoes everything
//   ID/chain/I     a process of the chain that starts the next
//   ID/leaf        the last one: acts
//   ID/leaf/idle   a process that the leaf has started: waits until its standard input ends
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define MARK "FALCO_PIPE_TEST"
// Descriptors that the processes of a test inherit, out of the way of those that the test makes.
#define PLAN_FD 700
#define TELL_FD 701
#define MAX_WORDS 512
#define MAX_LINES 1024
// A line makes two descriptors at most.
#define MAX_MADE (2 * MAX_LINES)

// A line of a plan: `verb name key=value …`, each word with %XX for what is not plain.
struct line {
  char *verb, *name;
  char *words[MAX_WORDS];
  int count;
};

struct plan {
  struct line *lines;
  int count;
  char *text;
};

// plan.c
struct plan read_plan(int fd);
const char *value_of(const struct line *line, const char *key, const char *absent);
// The values of a key that may stand several times, ended by NULL.
char **values_of(const struct line *line, const char *key);
void *allocate(size_t size);
char *format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

// tell.c: what is told to the tester, a line each: `ID WORD …`.
extern const char *test_id;
void tell(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
// `what` could not be done, because of errno.
void tell_failure(const char *what, const char *about);

// files.c
// Makes the folders above a path; the ones that were missing are removed by undo_files, if they are empty then.
int make_parents(const char *path);
// Removes it in undo_files.
void remove_later(const char *path);
void undo_files(void);
int copy_file(const char *from, const char *to);

// identity.c
struct identity {
  bool has_user, has_caps;
  uid_t uid;
  gid_t gid;
  uint64_t permitted, effective, inheritable;
};
// Reads `user=` and `caps=` of a line. False: there is no such user.
bool identity_of(const struct line *process, struct identity *identity);
int become(const struct identity *identity);
// After exec: what of the capabilities is in effect and inheritable.
int settle_capabilities(const struct identity *identity);
bool user_exists(const char *name);

// network.c
// A network of the process's own, with the addresses on its loopback device.
int own_network(char **addresses);
// `HOST:PORT`, `[V6]:PORT` or `unix://PATH`; returns the length of the address, 0 for what is none.
socklen_t parse_address(const char *text, void *address);

// terminal.c
int take_terminal(void);

// scratch.c
// Files of the process's own: read-only but scratch copies of the folders. `actor` is where the program is to be.
int own_files(const char *actor, char **folders);

// chain.c
char **environment(const char *role, char **more);
// Starts process `index` of the chain; returns its pid, or -1.
pid_t start_process(const struct plan *plan, int index);
const struct line *process_at(const struct plan *plan, int index);
int chain_length(const struct plan *plan);
char *program_folder(int index);

// resources.c, steps.c: the leaf's actions.
bool make_resource(const struct line *line);
void undo_resources(void);
bool perform_step(const struct line *line);
void undo_steps(void);
// calls.c: false when it knows no call of the name; else its result, and errno, which is 0 when that is told already.
bool perform_call(const struct line *line, const char *name, long *result);
// Bindable values: `${ name.field }`.
void bind_value(const char *name, const char *field, long value);
// A number: decimal, or $name.field; tells and returns false when it is bound to nothing.
bool number_of(const struct line *line, const char *key, long absent, long *number);

int run_stage(void);
int run_root(void);
int run_chain(int index);
int run_leaf(void);
int run_idle(void);
