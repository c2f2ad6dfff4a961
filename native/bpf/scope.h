// Which processes are looked at: all but the sensor itself, or only a subtree.
#pragma once

// A byte for each process id that there can be: found without a search, and never full.
struct scope_part { __u8 in[SCOPE_PART]; };
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SCOPE_PARTS); // 1 when not scoped
  __type(key, __u32);
  __type(value, struct scope_part);
} scope SEC(".maps");

static __always_inline __u8 *scope_of(__u32 tgid)
{
  __u32 index = tgid / SCOPE_PART;
  struct scope_part *part = bpf_map_lookup_elem(&scope, &index);
  return part ? &part->in[tgid % SCOPE_PART] : 0;
}

static __always_inline bool is_scoped(__u32 tgid)
{
  __u8 *in = scope_of(tgid);
  return in && *in;
}

static __always_inline bool in_scope(__u32 tgid)
{
  if (tgid == control.self) return 0;
  return !config.scoped || is_scoped(tgid);
}

static __always_inline void set_scope(__u32 tgid, bool in)
{
  __u8 *place = scope_of(tgid);
  if (place) *place = in;
}
