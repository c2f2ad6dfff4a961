// Reading plans.
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor.h"

void *allocate(size_t size)
{
  void *memory = calloc(1, size);
  if (!memory) _exit(71);
  return memory;
}

char *format(const char *pattern, ...)
{
  va_list args;
  va_start(args, pattern);
  char *text;
  if (vasprintf(&text, pattern, args) < 0) _exit(71);
  va_end(args);
  return text;
}

static int digit(char c)
{
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// In place. A zero byte cannot be in a text: %00 ends it.
static void decode(char *word)
{
  char *to = word;
  for (const char *from = word; *from; from++) {
    if (*from == '%' && digit(from[1]) >= 0 && digit(from[2]) >= 0) {
      *to++ = (char)(digit(from[1]) * 16 + digit(from[2]));
      from += 2;
    } else {
      *to++ = *from;
    }
  }
  *to = 0;
}

static void too_long(const char *what)
{
  tell("error the test is too large: it has too many %s", what);
  _exit(71);
}

static void split(struct line *line, char *text)
{
  char *rest = text;
  line->verb = strsep(&rest, " ");
  line->name = rest ? strsep(&rest, " ") : "";
  while (rest && line->count < MAX_WORDS) line->words[line->count++] = strsep(&rest, " ");
  if (rest) too_long("words in a line");
  decode(line->name);
}

struct plan read_plan(int fd)
{
  struct stat stat;
  if (fstat(fd, &stat) < 0) _exit(71);
  struct plan plan = { .lines = allocate(MAX_LINES * sizeof(struct line)), .text = allocate(stat.st_size + 1) };
  for (off_t at = 0; at < stat.st_size;) {
    ssize_t got = pread(fd, plan.text + at, stat.st_size - at, at);
    if (got <= 0) _exit(71);
    at += got;
  }
  char *rest = plan.text;
  while (rest && *rest && plan.count < MAX_LINES) split(&plan.lines[plan.count++], strsep(&rest, "\n"));
  if (rest && *rest) too_long("lines");
  return plan;
}

static char *match(char *word, const char *key)
{
  size_t length = strlen(key);
  return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

char **values_of(const struct line *line, const char *key)
{
  char **found = allocate((line->count + 1) * sizeof *found);
  int count = 0;
  for (int i = 0; i < line->count; i++) {
    char *value = match(line->words[i], key);
    if (!value) continue;
    found[count] = strdup(value);
    decode(found[count++]);
  }
  return found;
}

const char *value_of(const struct line *line, const char *key, const char *absent)
{
  char **found = values_of(line, key);
  return found[0] ? found[0] : absent;
}
