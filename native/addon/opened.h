// What the paths of opens are like, and the ways in which they were opened lately.
#pragma once
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <linux/types.h>

#include "../bpf/records.h"
#include "index.h"

// Each way has a number that no other one ever has: two opens have the same only when all bytes are the same that readers
// look at of the path and of how it was opened.
class OpenedPaths {
 public:
  OpenedPaths();

  // Writes into the row of an open what is said of its paths, and the number of the way.
  void look(const open_record *open, Row *row);

 private:
  struct How {
    uint32_t flags, error, nr, open_flags, mode, resolve, created, layer;
    bool operator==(const How &) const = default;
  };
  struct Way {
    uint64_t number;
    uint32_t text, real;
    How how;
    uint32_t length;
    uint8_t texts[256];  // their lengths, and the texts; longer ones are rare, and have no number
  };
  struct Free {
    void operator()(Way *ways) const { free(ways); }
  };
  static constexpr int kSetBits = 11;
  static constexpr size_t kSets = 1 << kSetBits;

  static How how_of(const open_record *open);
  static void fill(Row *row, const Way &way);

  std::unique_ptr<Way[], Free> ways_;         // two of each set; pages of it that nothing was put into take no memory
  std::array<uint32_t, 2 * kSets> hashes_{};  // of each, to tell without a look at it that it is another
  std::array<uint8_t, kSets> last_used_{};
  uint64_t numbers_ = 0;
};
