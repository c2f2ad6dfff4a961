#include "opened.h"

#include <cstring>
#include <new>

namespace {

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
uint32_t seen(const char *path, size_t length) {
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

struct Paths {
  const char *raw, *base, *real;
  size_t raw_length, base_length, real_length;
  bool is_absolute, real_is_written;
};

Paths paths_of(const open_record *open) {
  Paths paths{};
  paths.raw_length = open->lengths[OPEN_RAW];
  paths.base_length = open->lengths[OPEN_BASE];
  paths.real_length = open->lengths[OPEN_REAL];
  paths.raw = reinterpret_cast<const char *>(open) + OPEN_TEXTS_AT;
  paths.base = paths.raw + paths.raw_length;
  paths.real = paths.base + paths.base_length;
  paths.is_absolute = paths.raw_length > 0 && paths.raw[0] == '/';
  // Most paths that are absolute lead where they say.
  paths.real_is_written = paths.is_absolute && paths.raw_length == paths.real_length &&
                          memcmp(paths.raw, paths.real, paths.raw_length) == 0;
  return paths;
}

void look_at(const Paths &paths, Row *row) {
  row->text = seen(paths.raw, paths.raw_length);
  row->real = paths.real_is_written ? row->text : seen(paths.real, paths.real_length);
  const bool is_below = paths.base_length > 0 && paths.raw_length > 0 && !paths.is_absolute;
  if (is_below && (paths.raw[0] == '.' || seen(paths.base, paths.base_length) & kHidden)) row->text |= kHidden;
}

uint64_t word_at(const uint8_t *from) {
  uint64_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// In front of the bytes there are at least eight of their record.
uint64_t hash(const uint8_t *bytes, size_t length) {
  constexpr uint64_t kFirst = 0x9e3779b97f4a7c15ull, kSecond = 0xe7037ed1a0b428dbull;
  uint64_t even = length, odd = 0;
  size_t at = 0;
  for (; at + 32 <= length; at += 32) {
    even = mix(even ^ word_at(bytes + at), kFirst ^ word_at(bytes + at + 8));
    odd = mix(odd ^ word_at(bytes + at + 16), kSecond ^ word_at(bytes + at + 24));
  }
  if (at + 16 <= length) {
    even = mix(even ^ word_at(bytes + at), kFirst ^ word_at(bytes + at + 8));
    at += 16;
  }
  if (at + 8 <= length) {
    odd ^= word_at(bytes + at);
    at += 8;
  }
  if (at < length) even ^= word_at(bytes + length - 8) >> (8 * (8 - (length - at)));
  return mix(even ^ kFirst, odd ^ kSecond);
}

}  // namespace

OpenedPaths::OpenedPaths() : ways_(static_cast<Way *>(calloc(2 * kSets, sizeof(Way)))) {
  if (!ways_) throw std::bad_alloc();
}

void OpenedPaths::look(const open_record *open, Row *row) {
  const Paths paths = paths_of(open);
  const auto *texts = reinterpret_cast<const uint8_t *>(open->lengths);
  const size_t written = sizeof open->lengths + paths.raw_length + paths.base_length;
  // A canonical path that is the one written is not kept twice: the lengths tell it from one that only is as long.
  const size_t length = written + (paths.real_is_written ? 0 : paths.real_length);
  if (length > sizeof Way::texts) return look_at(paths, row);
  const How how = how_of(open);
  const uint64_t hashed = hash(texts, written);
  const size_t set = hashed >> (64 - kSetBits);
  uint8_t &last_used = last_used_[set];
  for (int tried = 0; tried < 2; tried++) {
    const size_t at = 2 * set + last_used;
    const Way &way = ways_[at];
    if (hashes_[at] == static_cast<uint32_t>(hashed) && way.length == length && way.how == how &&
        memcmp(way.texts, texts, length) == 0)
      return fill(row, way);
    last_used ^= 1;
  }
  // Of the two of a set the one that was not used last is given up.
  last_used ^= 1;
  const size_t at = 2 * set + last_used;
  hashes_[at] = static_cast<uint32_t>(hashed);
  Way &way = ways_[at];
  look_at(paths, row);
  way.number = ++numbers_;
  way.text = row->text;
  way.real = row->real;
  way.length = length;
  way.how = how;
  memcpy(way.texts, texts, length);
  fill(row, way);
}

// Whatever descriptor an open that did not fail has given.
OpenedPaths::How OpenedPaths::how_of(const open_record *open) {
  constexpr uint32_t kOfPaths = FLAG_CUT | FLAG_PATH_PARTIAL | FLAG_PATH_OUTSIDE | FLAG_BASE_PARTIAL | FLAG_UNREAD;
  const uint32_t flags = open->header.flags & kOfPaths;
  const auto error = static_cast<uint32_t>(open->ret < 0 ? open->ret : 0);
  return {flags, error, open->nr, open->open_flags, open->mode, open->resolve, open->created, open->layer};
}

void OpenedPaths::fill(Row *row, const Way &way) {
  row->text = way.text;
  row->real = way.real;
  row->way = static_cast<uint32_t>(way.number);
  row->way_high = static_cast<uint32_t>(way.number >> 32);
}
