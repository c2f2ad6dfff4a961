// What a test has before its steps.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

static struct binding {
  char *name;
  long value;
} bindings[MAX_MADE];
static int bound;

static int opened[MAX_MADE], opened_count;
static pid_t started[MAX_LINES];
static int started_count;

void bind_value(const char *name, const char *field, long value)
{
  if (bound < MAX_MADE) bindings[bound++] = (struct binding){ format("%s.%s", name, field), value };
}

bool number_of(const struct line *line, const char *key, long absent, long *number)
{
  const char *value = value_of(line, key, NULL);
  *number = absent;
  if (!value) return true;
  if (*value != '$') {
    *number = strtol(value, NULL, 0);
    return true;
  }
  for (int i = bound - 1; i >= 0; i--) {
    if (strcmp(bindings[i].name, value + 1) != 0) continue;
    *number = bindings[i].value;
    return true;
  }
  tell("error %s: %s of %s is not known", line->name, key, value + 1);
  return false;
}

static int keep(const struct line *line, const char *field, int fd)
{
  if (fd < 0) return -1;
  if (opened_count < MAX_MADE) opened[opened_count++] = fd;
  bind_value(line->name, field, fd);
  return 0;
}

static int make_file(const struct line *line)
{
  const char *path = value_of(line, "path", "");
  int fd = open(path, O_RDWR);
  if (fd < 0 && errno == ENOENT && make_parents(path) == 0) {
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    if (fd >= 0) remove_later(path);
  }
  return keep(line, "fd", fd);
}

static int make_directory(const struct line *line)
{
  const char *path = value_of(line, "path", "");
  int fd = open(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0 && errno == ENOENT && make_parents(format("%s/.", path)) == 0) fd = open(path, O_RDONLY | O_DIRECTORY);
  return keep(line, "fd", fd);
}

static int make_descriptor(const struct line *line, const char *subtype)
{
  if (strcmp(subtype, "file") == 0) return make_file(line);
  if (strcmp(subtype, "directory") == 0) return make_directory(line);
  if (strcmp(subtype, "event") == 0) return keep(line, "fd", eventfd(0, 0));
  if (strcmp(subtype, "eventpoll") == 0) return keep(line, "fd", epoll_create1(0));
  if (strcmp(subtype, "inotify") == 0) return keep(line, "fd", inotify_init1(0));
  if (strcmp(subtype, "memfd") == 0) return keep(line, "fd", memfd_create(value_of(line, "path", ""), 0));
  if (strcmp(subtype, "signalfd") == 0) {
    sigset_t none;
    sigemptyset(&none);
    return keep(line, "fd", signalfd(-1, &none, 0));
  }
  int ends[2];
  if (strcmp(subtype, "pipe") != 0 || pipe(ends) < 0) return -1;
  return keep(line, "readFd", ends[0]) < 0 ? -1 : keep(line, "writeFd", ends[1]);
}

static int type_of(const char *protocol)
{
  return strncmp(protocol, "udp", 3) == 0 ? SOCK_DGRAM : SOCK_STREAM;
}

// A server that listens, and a client that is connected to it; of UDP the client is not connected.
static int make_sockets(const struct line *line)
{
  const char *protocol = value_of(line, "l4Proto", ""), *text = value_of(line, "address", "");
  struct sockaddr_storage address;
  socklen_t length = parse_address(text, &address);
  if (length == 0) {
    errno = EINVAL;
    return -1;
  }
  int type = type_of(protocol), family = address.ss_family, one = 1;
  int server = socket(family, type, 0);
  if (keep(line, "server.fd", server) < 0) return -1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (void *)&address, length) < 0) return -1;
  if (family == AF_UNIX) remove_later(((struct sockaddr_un *)&address)->sun_path);
  if (type == SOCK_STREAM && listen(server, 8) < 0) return -1;
  int client = socket(family, type, 0);
  if (keep(line, "client.fd", client) < 0) return -1;
  return type == SOCK_STREAM ? connect(client, (void *)&address, length) : 0;
}

// A program that exists in memory only: written to a memfd, executed from there.
static int write_to_memory(void)
{
  int memory = memfd_create("falco-pipe", 0), self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  char buffer[65536];
  ssize_t got = -1;
  while (memory >= 0 && self >= 0 && (got = read(self, buffer, sizeof buffer)) > 0) {
    if (write(memory, buffer, (size_t)got) != got) return -1;
  }
  close(self);
  return got < 0 ? -1 : memory;
}

static int make_process(const struct line *line)
{
  bool is_fileless = strcmp(value_of(line, "fileLess", "no"), "yes") == 0;
  const char *file = value_of(line, "file", ""), *run = value_of(line, "run", "");
  int memory = -1;
  if (*run && make_parents(run) < 0) return -1;
  if (is_fileless) {
    if ((memory = write_to_memory()) < 0) return -1;
    file = format("/proc/self/fd/%d", memory);
    if (!*run) run = file;
  } else {
    if (make_parents(file) < 0) return -1;
    if (linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, file, AT_SYMLINK_FOLLOW) < 0 && copy_file("/proc/self/exe", file) < 0) return -1;
    remove_later(file);
  }
  if (strcmp(file, run) != 0) {
    if (symlink(file, run) < 0) return -1;
    remove_later(run);
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  char **args = values_of(line, "arg"), **variables = environment("leaf/idle", values_of(line, "env"));
  int failed[2];
  if (pipe2(failed, O_CLOEXEC) < 0) return -1;
  pid_t pid = fork();
  if (pid < 0) return -1;
  if (pid == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(ends[0], 0);
    execve(run, args, variables);
    int why = errno;
    if (write(failed[1], &why, sizeof why) < 0) _exit(126);
    _exit(127);
  }
  if (started_count < MAX_LINES) started[started_count++] = pid;
  close(ends[0]);
  close(failed[1]);
  if (memory >= 0) close(memory);
  // Ends with the exec, or brings the reason why there was none.
  int why = 0;
  ssize_t got = read(failed[0], &why, sizeof why);
  close(failed[0]);
  if (opened_count < MAX_MADE) opened[opened_count++] = ends[1];
  bind_value(line->name, "pid", pid);
  if (got <= 0) return 0;
  errno = why;
  return -1;
}

bool make_resource(const struct line *line)
{
  const char *type = value_of(line, "type", "");
  int result = strcmp(type, "fd") == 0             ? make_descriptor(line, value_of(line, "subtype", ""))
               : strcmp(type, "clientServer") == 0 ? make_sockets(line)
                                                   : make_process(line);
  if (result < 0) tell_failure(format("resource %s: making the", line->name), type);
  return result >= 0;
}

void undo_resources(void)
{
  while (opened_count > 0) close(opened[--opened_count]);
  while (started_count > 0) {
    pid_t pid = started[--started_count];
    // With its standard input gone it ends by itself, unless it was stopped.
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
  }
}
