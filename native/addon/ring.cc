#include "ring.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "failure.h"
#include "index.h"

namespace {

constexpr uint32_t kBusy = 1u << 31;
constexpr uint32_t kDiscarded = 1u << 30;
constexpr uint32_t kHeader = 8;
// What the kernel wrote on another CPU comes a cache line at a time: those of the next records are asked for ahead.
constexpr uint64_t kAhead = 2048;
constexpr uint64_t kLine = 64;
// Records are copied, and indexed, so many bytes at a time: meanwhile those that were asked for come.
constexpr uint64_t kPiece = 512;

}  // namespace

Ring::Ring(int fd, size_t bytes) : bytes_(bytes), page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
  void *consumer = mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) throw Failure{"map", errno, "the ring's consumer page"};
  // The kernel would map the data twice, so that no record is torn at the end; both would count as this process's memory.
  void *rest = mmap(nullptr, page_ + bytes, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page_));
  if (rest == MAP_FAILED) {
    const int error = errno;
    munmap(consumer, page_);
    throw Failure{"map", error, "the ring's data"};
  }
  consumer_ = static_cast<uint64_t *>(consumer);
  producer_ = static_cast<const uint64_t *>(rest);
  data_ = static_cast<const uint8_t *>(rest) + page_;
}

Ring::~Ring() {
  munmap(consumer_, page_);
  munmap(const_cast<uint64_t *>(producer_), page_ + bytes_);
}

size_t Ring::used() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE) - *consumer_; }

void Ring::skip() { __atomic_store_n(consumer_, __atomic_load_n(producer_, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE); }

size_t Ring::drain(uint8_t *into, size_t room, bool *stuck, RecordIndex *index) {
  const uint64_t end = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
  uint64_t at = *consumer_;
  uint64_t run = at;  // what lies between run and at goes out in one copy
  size_t copied = 0;
  *stuck = false;
  const auto flush = [&] {
    const size_t from = run & (bytes_ - 1);
    const size_t length = at - run;
    const size_t whole = std::min(length, bytes_ - from);
    memcpy(into + copied, data_ + from, whole);
    memcpy(into + copied + whole, data_, length - whole);
    copied += length;
    run = at;
    if (index != nullptr) index->add(copied);
  };
  uint64_t asked = at;
  while (at < end) {
    for (; asked < std::min(at + kAhead, end); asked += kLine) __builtin_prefetch(data_ + (asked & (bytes_ - 1)));
    const auto *header = reinterpret_cast<const uint32_t *>(data_ + (at & (bytes_ - 1)));
    const uint32_t word = __atomic_load_n(header, __ATOMIC_ACQUIRE);
    if (word & kBusy) break;
    const uint64_t step = ((word & ~(kBusy | kDiscarded)) + kHeader + 7) & ~7ull;
    if (word & kDiscarded) {
      flush();
      run = at += step;
      continue;
    }
    if (copied + (at - run) + step > room) {
      *stuck = copied == 0 && at == run;
      break;
    }
    at += step;
    if (at - run >= kPiece) flush();
  }
  flush();
  __atomic_store_n(consumer_, at, __ATOMIC_RELEASE);
  return copied;
}
