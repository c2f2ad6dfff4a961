// OBJECT PROGRAM PID: loads that program of an object, for that process, and says so; at every line of standard input it
// attaches it or, the next time, detaches it and empties its ring. The answer is `done`, or `full` when that was too small.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int let_go(void *context, void *record, size_t size) { return 0; }

static struct bpf_object *load(const char *path, const char *name, unsigned traced)
{
  struct bpf_object *object = bpf_object__open_file(path, NULL);
  struct bpf_program *program;
  if (!object) return NULL;
  bpf_object__for_each_program(program, object)
    bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
  struct bpf_map *constants = bpf_object__find_map_by_name(object, ".rodata");
  if (!constants || bpf_map__set_initial_value(constants, &traced, sizeof traced)) return NULL;
  return bpf_object__load(object) ? NULL : object;
}

static int is_full(struct bpf_object *object)
{
  unsigned zero = 0, full = 0;
  return bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, ".bss.full"), &zero, &full) || full;
}

int main(int argc, char **argv)
{
  struct bpf_object *object = argc > 3 ? load(argv[1], argv[2], atoi(argv[3])) : NULL;
  struct bpf_program *program = object ? bpf_object__find_program_by_name(object, argv[2]) : NULL;
  if (!program) return 1;
  struct ring_buffer *ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), let_go, NULL, NULL);
  struct bpf_link *link = NULL;
  char line[16];
  if (!ring) return 1;
  setvbuf(stdout, NULL, _IONBF, 0);
  puts("loaded");
  while (fgets(line, sizeof line, stdin)) {
    if (link) {
      bpf_link__destroy(link);
      link = NULL;
      ring_buffer__consume(ring);
    } else {
      link = bpf_program__attach(program);
      if (!link) return 1;
    }
    puts(is_full(object) ? "full" : "done");
  }
  return 0;
}
