// Users and capabilities of processes.
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actor.h"

// passwd(5), read by hand: a static program has no other way that works in every container.
static bool find_user(const char *name, uid_t *uid, gid_t *gid)
{
  FILE *file = fopen("/etc/passwd", "re");
  if (!file) return strcmp(name, "root") == 0;
  char row[1024], found[256];
  unsigned id, group;
  bool is_found = false;
  while (!is_found && fgets(row, sizeof row, file)) {
    if (sscanf(row, "%255[^:]:%*[^:]:%u:%u:", found, &id, &group) != 3 || strcmp(found, name) != 0) continue;
    *uid = id;
    *gid = group;
    is_found = true;
  }
  fclose(file);
  return is_found;
}

bool user_exists(const char *name)
{
  uid_t uid;
  gid_t gid;
  return find_user(name, &uid, &gid);
}

bool identity_of(const struct line *process, struct identity *identity)
{
  memset(identity, 0, sizeof *identity);
  const char *user = value_of(process, "user", NULL), *caps = value_of(process, "caps", NULL);
  if (user) {
    identity->has_user = true;
    if (!find_user(user, &identity->uid, &identity->gid)) return false;
  }
  unsigned long long permitted, effective, inheritable;
  if (caps && sscanf(caps, "%llx,%llx,%llx", &permitted, &effective, &inheritable) == 3) {
    identity->has_caps = true;
    identity->permitted = permitted;
    identity->effective = effective;
    identity->inheritable = inheritable;
  }
  return true;
}

static int set_capabilities(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[2] = {
    { (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
    { (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
  };
  return (int)syscall(SYS_capset, &header, data);
}

static uint64_t held(void)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return 0;
  return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

// Ambient capabilities are what survives exec for any user; root's are not to come back by themselves when they are
// chosen. Of all capabilities those count that we have ourselves.
int become(const struct identity *identity)
{
  if (!identity->has_user && !identity->has_caps) return 0;
  uint64_t have = held(), wanted = identity->has_caps ? identity->permitted & have : have;
  if (prctl(PR_SET_KEEPCAPS, 1) < 0) return -1;
  if (identity->has_user) {
    if (setgroups(1, &identity->gid) < 0) return -1;
    if (setresgid(identity->gid, identity->gid, identity->gid) < 0) return -1;
    if (setresuid(identity->uid, identity->uid, identity->uid) < 0) return -1;
  }
  if (set_capabilities(have, have, wanted) < 0) return -1;
  if (identity->has_caps && prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP) < 0) return -1;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int cap = 0; cap < 64; cap++) {
    if ((wanted >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0) return -1;
  }
  return 0;
}

int settle_capabilities(const struct identity *identity)
{
  if (!identity->has_caps) return 0;
  uint64_t have = held();
  return set_capabilities(identity->permitted & have, identity->effective & have, identity->inheritable & have);
}
