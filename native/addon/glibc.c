// What the static libraries of this machine ask for of a C library newer than 2.34, by what that has. In strict C17, where
// the headers name the functions by their old names.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

// Of glibc 2.38: they also read binary constants, of which there are none in what libbpf reads.
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }

unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }

unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }

int __isoc23_sscanf(const char *text, const char *format, ...)
{
  va_list values;
  va_start(values, format);
  const int count = vsscanf(text, format, values);
  va_end(values);
  return count;
}

int __isoc23_fscanf(FILE *file, const char *format, ...)
{
  va_list values;
  va_start(values, format);
  const int count = vfscanf(file, format, values);
  va_end(values);
  return count;
}

// Of glibc 2.36. A call for so few bytes is not interrupted (getrandom(2)).
unsigned arc4random(void)
{
  unsigned number;
  if (getrandom(&number, sizeof number, 0) != sizeof number) abort();
  return number;
}
