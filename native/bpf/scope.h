// Which processes are looked at: all but the sensor itself, or only a subtree.
#pragma once

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 131072); // 1 when not scoped
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, __u8);
} scope SEC(".maps");

static __always_inline bool in_scope(__u32 tgid)
{
  if (tgid == control.self) return 0;
  return !config.scoped || bpf_map_lookup_elem(&scope, &tgid);
}

static __always_inline bool scope_add(__u32 tgid)
{
  __u8 one = 1;
  if (!bpf_map_update_elem(&scope, &tgid, &one, BPF_ANY)) return 1;
  struct counters *c = counters_here();
  if (c) c->scope_full++;
  return 0;
}
