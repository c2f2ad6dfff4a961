#include "index.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>

#include <linux/types.h>

#include "../bpf/records.h"

namespace {

constexpr uint32_t kBusy = 1u << 31;
constexpr uint32_t kDiscarded = 1u << 30;
constexpr size_t kRingHeader = 8;

// Where the texts of a kind are: the lengths one after the other, the texts from `first`. No kind: `first` is 0.
struct Shape {
  uint32_t lengths, count, first;
};

constexpr std::array<Shape, KIND_END> shapes() {
  std::array<Shape, KIND_END> all{};
  const auto texts = []<class Record>(Record *, uint32_t first) {
    return Shape{offsetof(Record, lengths), sizeof(Record::lengths) / sizeof(__u16), first};
  };
  all[KIND_FORK] = {0, 0, FORK_TEXTS_AT};
  all[KIND_EXIT] = {0, 0, EXIT_TEXTS_AT};
  all[KIND_EXEC] = all[KIND_SCAN] = texts(static_cast<exec_record *>(nullptr), EXEC_TEXTS_AT);
  all[KIND_OPEN] = texts(static_cast<open_record *>(nullptr), OPEN_TEXTS_AT);
  all[KIND_SOCKET] = texts(static_cast<socket_record *>(nullptr), SOCKET_TEXTS_AT);
  all[KIND_CGROUP] = texts(static_cast<cgroup_record *>(nullptr), CGROUP_TEXTS_AT);
  all[KIND_CHDIR] = texts(static_cast<chdir_record *>(nullptr), CHDIR_TEXTS_AT);
  all[KIND_CALL] = texts(static_cast<call_record *>(nullptr), CALL_TEXTS_AT);
  return all;
}
constexpr std::array<Shape, KIND_END> kShapes = shapes();

constexpr bool has_each_kind() {
  for (int kind = 1; kind < KIND_END; kind++) {
    if (kShapes[kind].first == 0) return false;
  }
  return true;
}
static_assert(has_each_kind(), "a kind of record without a shape");

// Sixteen bytes at once; what is true of one is all ones.
using Bytes = int8_t __attribute__((vector_size(16)));
constexpr Bytes kPlaces = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

Bytes load(const char *from) {
  Bytes bytes;
  memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

bool any(Bytes bytes) {
  uint64_t halves[2];
  memcpy(halves, &bytes, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

// From its end: in front of a path there are more bytes of its record than are read here.
uint32_t look(const char *path, size_t length) {
  if (length == 0) return 0;
  Bytes crooked{}, hidden{};
  const auto look_at = [&](const char *at, Bytes among) {
    const Bytes here = load(at), before = load(at - 1), behind_slash = among & (before == '/');
    crooked |= (here == '/') & (behind_slash | (among & (before == '.')));
    hidden |= (here == '.') & behind_slash;
  };
  const char *at = path + length - sizeof(Bytes);
  for (; at > path; at -= sizeof(Bytes)) look_at(at, ~Bytes{});
  look_at(at, kPlaces > static_cast<int8_t>(path - at));
  const auto *slash = static_cast<const char *>(memrchr(path, '/', length));
  const size_t name = slash == nullptr ? 0 : slash + 1 - path;
  const bool ends = path[length - 1] == '.' || (path[length - 1] == '/' && length > 1);
  return static_cast<uint32_t>(name << kNameShift) | (any(hidden) ? kHidden : 0) | (ends || any(crooked) ? kCrooked : 0);
}

void look_at_paths(const open_record *open, Row *row) {
  const char *raw = reinterpret_cast<const char *>(open) + OPEN_TEXTS_AT;
  const size_t length = open->lengths[OPEN_RAW], base_length = open->lengths[OPEN_BASE];
  const char *base = raw + length, *real = base + base_length;
  row->text = look(raw, length);
  // Most paths that are absolute lead where they say.
  const bool is_absolute = length > 0 && raw[0] == '/';
  const bool is_real = is_absolute && length == open->lengths[OPEN_REAL] && memcmp(raw, real, length) == 0;
  row->real = is_real ? row->text : look(real, open->lengths[OPEN_REAL]);
  const bool is_below = base_length > 0 && length > 0 && !is_absolute;
  if (is_below && (raw[0] == '.' || look(base, base_length) & kHidden)) row->text |= kHidden;
}

uint64_t word_at(const uint8_t *from) {
  uint64_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

uint64_t mix(uint64_t sum, uint64_t next) {
  const uint64_t mixed = (sum ^ next) * 0x9e3779b97f4a7c15ull;
  return mixed ^ (mixed >> 32);
}

// In front of the bytes there are at least eight of their record.
uint64_t hash(const uint8_t *bytes, size_t length) {
  uint64_t even = length, odd = 0;
  size_t at = 0;
  for (; at + 16 <= length; at += 16) {
    even = mix(even, word_at(bytes + at));
    odd = mix(odd, word_at(bytes + at + 8));
  }
  if (at + 8 <= length) {
    even = mix(even, word_at(bytes + at));
    at += 8;
  }
  if (at < length) odd = mix(odd, word_at(bytes + length - 8) >> (8 * (8 - (length - at))));
  return mix(even, odd * 3);
}

// Whether what a process did last says the same of it, and the kind of neither record is one that makes it another.
bool is_again(const record_header &before, const record_header &here) {
  const auto changes = [](__u16 kind) { return kind != KIND_OPEN && kind != KIND_SOCKET && kind != KIND_CALL; };
  return before.tgid == here.tgid && before.start == here.start && before.exec_id == here.exec_id &&
         before.ppid == here.ppid && before.cgroup == here.cgroup && !changes(before.kind) && !changes(here.kind);
}

bool is_whole(const uint8_t *record, size_t room) {
  const auto *header = reinterpret_cast<const record_header *>(record);
  if (room < sizeof *header || header->kind >= KIND_END) return false;
  const Shape &shape = kShapes[header->kind];
  if (shape.first == 0 || header->size > room || header->size < shape.first) return false;
  const auto *lengths = reinterpret_cast<const __u16 *>(record + shape.lengths);
  uint32_t end = shape.first;
  for (uint32_t text = 0; text < shape.count; text++) end += lengths[text];
  return end <= header->size;
}

}  // namespace

// The ways in which paths were opened lately. Each has a number that no other one ever has: two opens have the same only
// when all bytes are the same that readers look at of the path and of how it was opened.
class RecordIndex::Ways {
 public:
  Ways() : ways_(static_cast<Way *>(calloc(kSets * 2, sizeof(Way)))) {
    if (!ways_) throw std::bad_alloc();
  }

  void find(const open_record *open, Row *row) {
    const auto *texts = reinterpret_cast<const uint8_t *>(open->lengths);
    const size_t written = sizeof open->lengths + open->lengths[OPEN_RAW] + open->lengths[OPEN_BASE];
    const size_t length = written + open->lengths[OPEN_REAL];
    // Longer ones are rare, and have no number.
    if (length > sizeof Way::texts) return look_at_paths(open, row);
    const How how = how_of(open);
    const size_t set = hash(texts, written) >> (64 - kSetBits);
    for (int tried = 0; tried < 2; tried++) {
      const Way &way = ways_[set * 2 + last_used_[set]];
      if (way.length == length && way.how == how && memcmp(way.texts, texts, length) == 0) return fill(row, way);
      last_used_[set] ^= 1;
    }
    // Of the two of a set the one that was not used last is given up.
    last_used_[set] ^= 1;
    Way &way = ways_[set * 2 + last_used_[set]];
    look_at_paths(open, row);
    way.number = ++numbers_;
    way.text = row->text;
    way.real = row->real;
    way.length = length;
    way.how = how;
    memcpy(way.texts, texts, length);
    fill(row, way);
  }

 private:
  struct How {
    uint32_t flags, error, nr, open_flags, mode, resolve, created;
    bool operator==(const How &) const = default;
  };
  struct Way {
    uint64_t number;
    uint32_t text, real;
    How how;
    uint32_t length;
    uint8_t texts[256];  // and their lengths
  };
  struct Free {
    void operator()(Way *ways) const { free(ways); }
  };
  static constexpr int kSetBits = 11;
  static constexpr size_t kSets = 1 << kSetBits;

  // Whatever descriptor an open that did not fail has given.
  static How how_of(const open_record *open) {
    const uint32_t flags = open->header.flags & (FLAG_PATH_PARTIAL | FLAG_PATH_OUTSIDE | FLAG_UNREAD);
    const auto error = static_cast<uint32_t>(open->ret < 0 ? open->ret : 0);
    return {flags, error, open->nr, open->open_flags, open->mode, open->resolve, open->created};
  }

  static void fill(Row *row, const Way &way) {
    row->text = way.text;
    row->real = way.real;
    row->way = static_cast<uint32_t>(way.number);
    row->way_high = static_cast<uint32_t>(way.number >> 32);
  }

  std::unique_ptr<Way[], Free> ways_;  // pages of it that nothing was put into take no memory
  std::array<uint8_t, kSets> last_used_{};
  uint64_t numbers_ = 0;
};

RecordIndex::RecordIndex() : ways_(std::make_unique<Ways>()) {}
RecordIndex::~RecordIndex() = default;

size_t rows_for(size_t length) { return length / (kRingHeader + sizeof(record_header)) + 1; }

size_t RecordIndex::index(const uint8_t *bytes, size_t length, Row *rows) {
  size_t damaged = 0;
  const record_header *before = nullptr;
  for (size_t at = 0; at + kRingHeader <= length;) {
    uint32_t head;
    memcpy(&head, bytes + at, sizeof head);
    const size_t size = head & ~(kBusy | kDiscarded), offset = at + kRingHeader;
    if (size > length - offset) {
      damaged++;
      break;
    }
    at = offset + ((size + 7) & ~size_t{7});
    if (head & kDiscarded) continue;
    if (!is_whole(bytes + offset, size)) {
      damaged++;
      continue;
    }
    const auto *header = reinterpret_cast<const record_header *>(bytes + offset);
    *rows = {static_cast<uint32_t>(offset), header->kind, 0, 0, before != nullptr && is_again(*before, *header), 0, 0};
    if (header->kind == KIND_OPEN) ways_->find(reinterpret_cast<const open_record *>(header), rows);
    before = header;
    rows++;
  }
  *rows = {};
  return damaged;
}
