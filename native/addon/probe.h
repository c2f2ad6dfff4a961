// What the running kernel offers, found by trying, never by its version.
#pragma once
#include <string>
#include <vector>

struct Feature {
  std::string name;
  bool present;
  int error;  // why not: an errno, 0 when it simply does not exist
};

std::vector<Feature> probe_features();
std::string libbpf_version();
