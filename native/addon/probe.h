// What the running kernel offers, found by trying, never by its version.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

struct Feature {
  std::string name;
  bool present;
  std::string error;  // why not; empty when it simply does not exist
};

std::vector<Feature> probe_features();
std::string libbpf_version();

// A program of ours that is loaded on this machine, by whichever process.
struct RunningProgram {
  uint32_t id;
  std::string name;
  uint32_t instructions;  // that the verifier went through
  uint64_t runs, run_ns;  // while it was measured
  uint64_t missed;        // since it was loaded
};

// Has the kernel measure programs for so long, and says what ours cost. Empty without the right to see them.
std::vector<RunningProgram> measure_programs(unsigned milliseconds);
