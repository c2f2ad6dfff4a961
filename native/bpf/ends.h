// Where the ends of an internet socket are: the loader says for which of them, by their addresses and their ports, a call is
// of interest (native/filter-ends.ts).
#pragma once

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct end_key);
  __type(value, struct end_classes);
} ends SEC(".maps");

#define MAPPED_PREFIX 0xffff0000u // the third word of IPv4 within IPv6: bytes 00 00 ff ff

static __always_inline bool is_mapped(const __u8 *address)
{
  return !*(const __u64 *)address && *(const __u32 *)(address + 8) == MAPPED_PREFIX;
}

static __always_inline bool is_zero(const __u8 *address)
{
  return !(*(const __u64 *)address | *(const __u64 *)(address + 8));
}

// Whether that end is wanted for a class of outcome.
static __always_inline bool end_passes(struct end_key *key, bool remote, __u32 bit)
{
  struct end_classes *found = bpf_map_lookup_elem(&ends, key);
  return found && (remote ? found->remote : found->local) & bit;
}

static __always_inline bool port_passes(__u16 port, bool remote, __u32 bit)
{
  struct end_classes *asked = &filter.ends[END_PORT];
  if (!((remote ? asked->remote : asked->local) & bit)) return 0;
  struct end_key key = { .bits = END_PART_BITS + 16, .part = END_PORT, .value = { port >> 8, port & 0xff } };
  return end_passes(&key, remote, bit);
}

// `is_four`: the last four bytes are an IPv4 address.
static __always_inline bool address_passes(const __u8 *address, bool is_four, bool remote, __u32 bit)
{
  struct end_classes *asked = &filter.ends[END_ADDRESS];
  if (!((remote ? asked->remote : asked->local) & bit)) return 0;
  struct end_key key = { .bits = END_PART_BITS + 128, .part = END_ADDRESS };
  __u32 *words = (__u32 *)key.value;
  const __u32 *from = (const __u32 *)address;
  words[0] = is_four ? 0 : from[0];
  words[1] = is_four ? 0 : from[1];
  words[2] = is_four ? MAPPED_PREFIX : from[2];
  words[3] = from[3];
  return end_passes(&key, remote, bit);
}

// Whether an end of the socket in the record is wanted for a class of outcome. Of what has no other end nothing is known.
// A global function is verified once.
__noinline int ends_pass(__u32 slot, __u32 bit)
{
  struct scratch *s = scratch_of(slot);
  if (!s) return 1;
  struct socket_record *r = (void *)s->record;
  if (!r->remote_port) return 1;
  if (port_passes(r->remote_port, 1, bit) || port_passes(r->local_port, 0, bit)) return 1;
  // Both are shown as IPv4 where the other one is, as src/events/kernel/socket.ts does.
  bool is_six = r->family == AF_INET6;
  bool mapped = is_six && (is_mapped(r->remote_addr) || (is_zero(r->remote_addr) && is_mapped(r->local_addr)));
  // An address of IPv4 has the first four bytes to itself.
  const __u8 *remote = r->remote_addr, *local = r->local_addr;
  if (!is_six) remote -= 12, local -= 12;
  return address_passes(remote, !is_six || mapped, 1, bit) || address_passes(local, !is_six || mapped, 0, bit);
}
