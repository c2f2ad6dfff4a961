// The consumer's side of a BPF ring buffer: mapped memory and two positions, no call per record.
#pragma once
#include <cstddef>
#include <cstdint>

class RecordIndex;

class Ring {
 public:
  // Maps the ring `fd` of `bytes` bytes. Throws Failure.
  Ring(int fd, size_t bytes);
  ~Ring();
  Ring(const Ring &) = delete;
  Ring &operator=(const Ring &) = delete;

  // Copies whole committed records, each with its 8-byte header, and releases them. Returns the bytes copied.
  // `stuck` is set when the first record is larger than `room`. `index`, if there is one, has begun at `into`.
  size_t drain(uint8_t *into, size_t room, bool *stuck, RecordIndex *index);
  // Bytes in the ring, those that are not committed yet too.
  size_t used() const;
  // Releases everything, unread.
  void skip();

 private:
  size_t bytes_;
  size_t page_;
  uint64_t *consumer_;        // our page, writable
  const uint64_t *producer_;  // the kernel's page, then the data
  const uint8_t *data_;
};
