#include "actions.h"
#include <sys/mman.h>

#if defined(__x86_64__)
long call32(long nr, long a, long b, long c, long d, long e)
{
  long value;
  __asm__ volatile("int $0x80"
                   : "=a"(value)
                   : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                   : "memory", "r8", "r9", "r10", "r11");
  return (int)value;
}

void *low_memory(const void *from, size_t size)
{
  void *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  return memcpy(low, from, size);
}
#else
long call32(long, long, long, long, long, long) { return -ENOSYS; }
void *low_memory(const void *, size_t) { return NULL; }
#endif
