// The index of bytes that came from the ring: JavaScript reads its rows, and need not look at each byte again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

// One record. `kind` is 0 behind the last; native/record-index.ts has the places of its numbers.
struct Row {
  uint32_t offset;  // of the record, behind the ring's header; behind the last: how many were damaged
  uint32_t kind;
  uint32_t text;  // of an open: what its path is like as the call names it,
  uint32_t real;  // and the canonical one
  uint32_t again;  // 1: the process is as it was in the row before, and neither of them changes it
  uint32_t way, way_high;  // of an open: the number of the way in which its path is opened; 0: it has none
};

// What a path is like: where its last name begins, shifted by kNameShift, with these bits below.
constexpr uint32_t kCrooked = 1;  // there may be a shorter form of it
constexpr uint32_t kHidden = 2;   // a name in it begins with a dot
constexpr uint32_t kNameShift = 2;

// Rows that so many bytes may need, with the one behind the last.
size_t rows_for(size_t length);

class OpenedPaths;
struct record_header;

class RecordIndex {
 public:
  RecordIndex();
  ~RecordIndex();

  // Writes a row for each whole record, and the one behind the last. Damaged are unknown kinds, and sizes or lengths that
  // point outside. Reading any field or text of a record that has a row stays inside it.
  void index(const uint8_t *bytes, size_t length, Row *rows);

  // The same in pieces: `add` after more records have come, `length` bytes by then.
  void begin(const uint8_t *bytes, Row *rows);
  void add(size_t length);
  void end();

 private:
  const std::unique_ptr<OpenedPaths> opened_;
  const uint8_t *bytes_ = nullptr;
  Row *row_ = nullptr;
  size_t at_ = 0;
  size_t damaged_ = 0;
  const record_header *before_ = nullptr;
};
