// Attaches the programs of an object until standard input ends; prints a line when they are attached.
#include <stdio.h>
#include <unistd.h>

#include <bpf/libbpf.h>

int main(int argc, char **argv)
{
  struct bpf_object *object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
  struct bpf_program *program;
  char end;
  if (!object || bpf_object__load(object)) return 1;
  bpf_object__for_each_program(program, object)
    if (!bpf_program__attach(program)) return 1;
  puts("attached");
  fflush(stdout);
  while (read(0, &end, 1) > 0) {}
  return 0;
}
