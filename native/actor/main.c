// Which role this process has.
#include <stdlib.h>
#include <string.h>

#include "actor.h"

int main(void)
{
  const char *mark = getenv(MARK);
  if (!mark) return run_stage();
  char *id = strdup(mark), *role = strchr(id, '/');
  if (!role) return run_stage();
  *role++ = 0;
  test_id = id;
  if (strcmp(role, "root") == 0) return run_root();
  if (strcmp(role, "leaf") == 0) return run_leaf();
  if (strncmp(role, "chain/", 6) == 0) return run_chain(atoi(role + 6));
  return run_idle();
}
