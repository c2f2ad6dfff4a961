#include "index.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "opened.h"

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

// Whether what a process did last says the same of it, and the kind of neither record is one that makes it another.
bool is_again(const record_header &before, const record_header &here) {
  const auto changes = [](__u16 kind) { return (CHANGES_PROCESS >> kind & 1) != 0; };
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

RecordIndex::RecordIndex() : opened_(std::make_unique<OpenedPaths>()) {}
RecordIndex::~RecordIndex() = default;

size_t rows_for(size_t length) { return length / (kRingHeader + sizeof(record_header)) + 1; }

void RecordIndex::index(const uint8_t *bytes, size_t length, Row *rows) {
  begin(bytes, rows);
  add(length);
  end();
}

void RecordIndex::begin(const uint8_t *bytes, Row *rows) {
  bytes_ = bytes;
  row_ = rows;
  at_ = damaged_ = 0;
  before_ = nullptr;
}

void RecordIndex::add(size_t length) {
  while (at_ + kRingHeader <= length) {
    uint32_t head;
    memcpy(&head, bytes_ + at_, sizeof head);
    const size_t size = head & ~(kBusy | kDiscarded), offset = at_ + kRingHeader;
    if (size > length - offset) {
      damaged_++;
      at_ = length;  // where the next one begins is not known
      return;
    }
    at_ = offset + ((size + 7) & ~size_t{7});
    if (head & kDiscarded) continue;
    if (!is_whole(bytes_ + offset, size)) {
      damaged_++;
      continue;
    }
    const auto *header = reinterpret_cast<const record_header *>(bytes_ + offset);
    const bool again = before_ != nullptr && is_again(*before_, *header);
    *row_ = {static_cast<uint32_t>(offset), header->kind, 0, 0, again, 0, 0};
    if (header->kind == KIND_OPEN) opened_->look(reinterpret_cast<const open_record *>(header), row_);
    before_ = header;
    row_++;
  }
}

void RecordIndex::end() { *row_ = {static_cast<uint32_t>(damaged_), 0, 0, 0, 0, 0, 0}; }
