// Loads an object, says so, and attaches and detaches its programs: at every line of standard input the other of the two.
#include <stdio.h>

#include <bpf/libbpf.h>

#define MOST 8

int main(int argc, char **argv)
{
  struct bpf_object *object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
  struct bpf_link *links[MOST];
  struct bpf_program *program;
  char line[16];
  int count = 0;
  setvbuf(stdout, NULL, _IONBF, 0);
  if (!object || bpf_object__load(object)) return 1;
  puts("loaded");
  while (fgets(line, sizeof line, stdin)) {
    if (count > 0) {
      while (count > 0) bpf_link__destroy(links[--count]);
    } else {
      bpf_object__for_each_program(program, object) {
        links[count] = bpf_program__attach(program);
        if (!links[count] || ++count == MOST) return 1;
      }
    }
    puts("done");
  }
  return 0;
}
