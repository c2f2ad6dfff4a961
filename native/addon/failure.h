// What went wrong below the JavaScript door: which step, the errno, and what libbpf and the verifier said about it.
#pragma once
#include <string>

struct Failure {
  std::string step;
  int error;       // an errno, positive
  std::string log;

  // The errno in words and, where the verifier has refused a program, why.
  std::string reason() const;
};

// Collects libbpf's messages on this thread for as long as it lives. libbpf has one print hook for the whole process.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  std::string take();

 private:
  std::string text_;
};
