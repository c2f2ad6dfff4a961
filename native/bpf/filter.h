// What no rule can match is dropped here, before it is copied: by its outcome, by the thread's name, and by the path of opens
// and of unix sockets; the ends of others are in ends.h. The loader fills the filter with necessary conditions, so what passes
// may still match nothing.
#pragma once

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix_key);
  __type(value, struct path_classes);
} prefixes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct name_key);
  __type(value, struct path_classes);
} names SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8192);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct comm_key);
  __type(value, __u16);
} comms SEC(".maps");

static __always_inline __u32 class_bit(__u32 access, long ret)
{
  __u32 result = ret >= 0 ? RESULT_OK : ret == -EINPROGRESS ? RESULT_IN_PROGRESS : RESULT_FAILED;
  return 1u << (3 * access + result);
}

// The top bit of each byte that is zero.
static __always_inline __u64 zero_bytes(__u64 x)
{
  const __u64 low = 0x7f7f7f7f7f7f7f7f;
  return ~(((x & low) + low) | x | low);
}

// The bytes before the first one that is zero.
static __always_inline __u64 before_zero(__u64 x)
{
  __u64 zero = zero_bytes(x);
  return x & (((zero & -zero) >> 7) - 1);
}

// Whether eight bytes are in a set; it may be said of others too.
static __always_inline bool is_among(const __u64 *set, __u64 word)
{
  __u32 place = LONG_START(word);
  return set[place / 64] >> place % 64 & 1;
}

// Whether the task, whose call it is, goes by a name that is wanted for a class of outcome.
static __always_inline bool comm_passes(struct task_struct *task, struct call_context *call, __u32 bit)
{
  if (!(filter.by_comm[call->which & (CALLS_ROOM - 1)] & bit)) return 0;
  __u64 first = *(__u64 *)task->comm;
  struct comm_key key = { .words[0] = before_zero(first) };
  if (!is_among(filter.comm_starts, key.words[0])) return 0;
  if (!zero_bytes(first)) key.words[1] = before_zero(*(__u64 *)(task->comm + 8));
  __u16 *found = bpf_map_lookup_elem(&comms, &key);
  return found && *found & bit;
}

// Whether a call of that outcome is of interest whatever else is said of it.
static __always_inline bool is_kept(struct call_context *call, __u32 bit)
{
  return filter.keep[call->which & (CALLS_ROOM - 1)] & bit || comm_passes(named_task(call), call, bit);
}

// Whether what is of interest may take room in the ring.
static __always_inline bool has_room(struct call_context *call)
{
  return !shape_of(call)->low || !refused(counters_here(), counted_as(call));
}

// Whether a call of that outcome that is about no socket is of interest, and may take room in the ring.
static __always_inline bool passes(struct call_context *call)
{
  if (is_kept(call, class_bit(SOCKET_OTHER, call->ret))) return has_room(call);
  filtered(counted_as(call));
  return 0;
}

#define SCANNED_WORDS 32 // longer texts pass
#define EVERY_CLASS 0xffff

static __always_inline __u64 first_bytes(__s32 count)
{
  return count >= 8 ? ~0ull : count <= 0 ? 0 : (1ull << 8 * count) - 1;
}

// Whether dots or slashes stand side by side in a text, as they do in crooked ones and before hidden
// names. The characters around them (0x20 to 0x2f, and the NUL at the end) are taken for them: it is a first look, which
// few texts do not pass. `end`: the last four bytes of one that has as many.
static __always_inline bool neighbours(const char *text, __u32 length, __u32 *end)
{
  const __u64 every = 0x4040404040404040;
  __u64 before = 0x40, apart = every;
  __u32 left = length & (SCANNED_WORDS * 8 - 1);
  for (; left >= 8; left -= 8, text += 8) {
    __u64 word = *(__u64 *)text, others = word | word << 2;
    apart &= others | others << 8 | before;
    before = others >> 56;
  }
  __u64 last = *(__u64 *)text, others = last | last << 2;
  __u32 bits = 8 * left;
  // Of the words as they were written: what lies across two of them takes the processor much longer to read.
  *end = bits >= 32 ? last >> (bits - 32) : *(__u64 *)(text - 8) >> 32 >> bits | last << (32 - bits);
  // Behind the NUL nothing counts.
  return (apart & (others | others << 8 | before | ~0xffull << bits)) != every;
}

__noinline int has_neighbours(__u32 slot, __u32 at, __u32 length)
{
  struct scratch *s = scratch_of(slot);
  __u32 end;
  return !s || !BOUND(at) || length >= SCANNED_WORDS * 8 || neighbours(IN_RECORD(s, at), length, &end);
}

// Looks at a text of the record, eight bytes at a time. A function of its own, so that each end of its loop is verified
// to this end only.
__noinline int scan_text(__u32 slot, __u32 at, __u32 length)
{
  struct scratch *s = scratch_of(slot);
  if (!s) return 0;
  __u64 before = 0, slash_before = 0, hidden = 0, crooked = 0;
  __u32 end = at + length;
  s->scan.slashes = s->scan.slashes_at = 0;
  if (!BOUND(at) || !BOUND(end)) return 0;
  // Nothing behind the text may count; what stands there comes back.
  const char *text = IN_RECORD(s, at);
  __u64 *last_word = (__u64 *)IN_RECORD(s, end), behind = *last_word;
  *last_word = 0;
  for (__u32 i = 0; i < SCANNED_WORDS * 8 && i < length; i += 8) {
    __u64 word = *(__u64 *)(text + i);
    // A dot and a slash differ in their lowest bit: one look finds both.
    __u64 both = zero_bytes((word | 0x0101010101010101) ^ 0x2f2f2f2f2f2f2f2f), slash = both & word << 7;
    if (both & (both << 8 | before)) {
      __u64 dot = both ^ slash, slash_left = slash << 8 | slash_before, dot_left = dot << 8 | (before ^ slash_before);
      hidden |= slash_left & dot;
      crooked |= (slash_left | dot_left) & slash;
    }
    before = both >> 56;
    slash_before = slash >> 56;
    if (slash) {
      s->scan.slashes = slash;
      s->scan.slashes_at = i;
    }
  }
  *last_word = behind;
  end--;
  char last = BOUND(end) ? *IN_RECORD(s, end) : '/';
  if (last == '.' || (last == '/' && length > 1)) crooked = 1;
  s->scan.hidden = hidden;
  s->scan.crooked = crooked;
  return 0;
}

// The place behind the last of some bytes of a word that are marked by their top bits.
static __always_inline __u32 behind_last(__u64 marks)
{
  __u32 byte = 1;
  if (marks >> 32) byte += 4, marks >>= 32;
  if (marks >> 16) byte += 2, marks >>= 16;
  if (marks >> 8) byte += 1;
  return byte;
}

// Where the last name begins in the text.
static __always_inline __u32 last_name(struct text_scan *scan)
{
  return scan->slashes ? scan->slashes_at + behind_last(scan->slashes) : 0;
}

static __always_inline __u32 prefix_classes(struct scratch *s, __u32 at, __u32 length, __u32 base_at, __u32 base)
{
  struct prefix_key *key = &s->prefix;
  __u32 first = base ? base_at : at;
  if (!BOUND(first)) return EVERY_CLASS;
  // A relative path below a directory of one or two letters is not worth putting together for this.
  bool short_base = base && base < 4;
  char *path = IN_RECORD(s, first);
  if (!short_base && !(filter.prefix_starts & START_BIT(*(__u32 *)path))) return 0;
  for (int i = 0; i < PREFIX_MAX; i += 4) *(__u32 *)(key->path + i) = *(__u32 *)(path + i);
  if (base) {
    if (base > 1 && base < PREFIX_MAX) *within(key->path, base++, PREFIX_MAX) = '/'; // not behind the root directory
    if (!BOUND(at)) return EVERY_CLASS;
    bpf_probe_read_kernel(within(key->path, base, PREFIX_MAX), PREFIX_MAX, IN_RECORD(s, at));
    length += base;
  }
  key->bits = (length < PREFIX_MAX ? length : PREFIX_MAX) * 8;
  struct path_classes *found = bpf_map_lookup_elem(&prefixes, key);
  return found ? found->text | found->real << 16 : 0;
}

static __always_inline __u32 name_classes(struct scratch *s, __u32 at, __u32 length)
{
  struct name_key key;
  if (!length || length > NAME_MAX_FILTERED || !BOUND(at)) return 0;
  char *name = IN_RECORD(s, at);
  __u32 start = *(__u32 *)name & first_bytes(length);
  if (!(filter.name_starts & START_BIT(start))) return 0;
  for (int i = 0; i < NAME_MAX_FILTERED / 8; i++)
    key.words[i] = *(__u64 *)(name + 8 * i) & first_bytes(length - 8 * i);
  struct path_classes *found = bpf_map_lookup_elem(&names, &key);
  return found ? found->text | found->real << 16 : 0;
}

// The classes that a path is wanted for, as a text in the low half, as a canonical path in the high one: a text of the
// record, and where it is relative the directory that it starts from. A text that is not yet in its shortest form passes:
// that form is made later, by whoever reads it. So does what is too long to look at.
__noinline int classes_of(__u32 slot, __u32 at, __u32 length, __u32 base_at, __u32 base)
{
  struct scratch *s = scratch_of(slot);
  if (!s || !length || length > SCANNED_WORDS * 8 || base > SCANNED_WORDS * 8) return EVERY_CLASS | EVERY_CLASS << 16;
  struct text_scan *scan = &s->scan;
  __u32 classes = prefix_classes(s, at, length, base_at, base);
  bool hidden = 0;
  if (base) {
    if ((filter.hidden.text | filter.hidden.real) && has_neighbours(slot, base_at, base)) {
      scan_text(slot, base_at, base);
      hidden = scan->hidden;
    }
    if (BOUND(at) && *IN_RECORD(s, at) == '.') hidden = 1;
  }
  bool looked = filter.name_starts || has_neighbours(slot, at, length);
  if (looked) {
    scan_text(slot, at, length);
    if (scan->crooked) classes |= EVERY_CLASS;
    hidden |= scan->hidden != 0;
  }
  if (hidden) classes |= filter.hidden.text | filter.hidden.real << 16;
  if (filter.name_starts) {
    __u32 from = last_name(scan);
    classes |= name_classes(s, at + from, length - from);
  }
  return classes;
}

// The first four bytes of a name, with what stands behind it.
static __always_inline __u32 name_start(__u64 dentry)
{
  return HALF_WORD_AT(GET(dentry, dentry, d_name.name));
}

// Whether no more than a look at the names of a canonical path says that it is not wanted: no prefix begins like it, no
// name that is looked for like its last one, and nothing in it is hidden. The path is not even put together.
__noinline int names_unwanted(__u32 slot)
{
  struct scratch *s = scratch_of(slot);
  if (!s) return 0;
  struct walk w = s->walk;
  __u32 top = 0, hidden = 0;
  __u64 leaf = w.dentry;
  if (leaf == w.mount_root) return 0; // its name is that of the place where it is mounted
  for (int i = 0; i < FIRST_STEPS && !w.state; i++) {
    __u64 dentry;
    if (!step_up(&w, &dentry)) continue;
    top = name_start(dentry);
    hidden |= (((top ^ '.') & 0xff) - 1) >> 8; // not 0 for a dot; no branch, for the verifier would follow each
  }
  if (w.state != WALK_COMPLETE || (hidden && filter.hidden.real)) return 0;
  // The first four bytes of the path are not all there where its first name is a short one.
  if (zero_bytes(top) & 0x808080 || filter.prefix_starts & START_BIT('/' | top << 8)) return 0;
  __u32 start = name_start(leaf) & first_bytes(GET(dentry, leaf, d_name.len));
  return !(filter.name_starts & START_BIT(start));
}
