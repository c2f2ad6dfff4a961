#include "memory.h"

#include <cinttypes>
#include <cstdint>
#include <cstdio>

#include <malloc.h>
#include <sys/mman.h>

namespace {

// A mapping as a line of /proc/self/smaps begins it, proc_pid_maps(5).
struct Mapping {
  uintptr_t start = 0, end = 0;
  char rights[5] = "";
  unsigned long inode = 0;
};

bool begins(const char *line, Mapping *mapping) {
  Mapping read;
  const int parts = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu", &read.start, &read.end, read.rights,
                           &read.inode);
  // What is said of a mapping may begin with a hexadecimal digit too.
  if (parts == 4) *mapping = read;
  return parts == 4;
}

// Of a file, this process's own view of it, and nothing that may be written.
bool is_read_only_file(const Mapping &mapping) {
  return mapping.inode != 0 && mapping.rights[1] == '-' && mapping.rights[3] == 'p';
}

}  // namespace

void trim_memory() {
  malloc_trim(0);
  FILE *maps = fopen("/proc/self/smaps", "re");
  if (maps == nullptr) return;
  Mapping mapping;
  char line[4096 + 256];
  unsigned long kib;
  while (fgets(line, sizeof line, maps) != nullptr) {
    if (begins(line, &mapping) || sscanf(line, "Anonymous: %lu kB", &kib) != 1) continue;
    // Pages that were written to, as relocations and breakpoints are, would be lost.
    if (kib != 0 || !is_read_only_file(mapping)) continue;
    madvise(reinterpret_cast<void *>(mapping.start), mapping.end - mapping.start, MADV_DONTNEED);
  }
  fclose(maps);
}
