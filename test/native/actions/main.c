#include "actions.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

char *words[MAX_WORDS + 1];
int count;
int nowhere;

long number(int index) { return index < count ? strtol(words[index], NULL, 0) : 0; }
long result(long value) { return value == -1 ? -errno : value; }

static long act(void)
{
  long (*const kinds[])(const char *) = { act_on_files, act_on_sockets, act_on_processes, make_call };
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    long value = kinds[kind](words[0]);
    if (value != NO_SUCH_ACTION) return value;
  }
  return -ENOSYS;
}

int main(void)
{
  static char line[8192];
  setvbuf(stdout, NULL, _IONBF, 0);
  nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  puts("0");
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    count = 0;
    for (char *word = strtok(line, " "); word && count < MAX_WORDS; word = strtok(NULL, " ")) words[count++] = word;
    words[count] = NULL;
    printf("%ld\n", count ? act() : 0);
  }
  return 0;
}
