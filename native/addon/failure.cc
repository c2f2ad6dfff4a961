#include "failure.h"

#include <cstdarg>
#include <cstdio>

#include <bpf/libbpf.h>

namespace {

thread_local std::string *capturing = nullptr;

int print(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (level == LIBBPF_DEBUG || capturing == nullptr) return 0;
  char line[4096];
  const int length = vsnprintf(line, sizeof line, format, arguments);
  if (length > 0) capturing->append(line);
  return length;
}

}  // namespace

LogCapture::LogCapture() {
  libbpf_set_print(print);
  capturing = &text_;
}

LogCapture::~LogCapture() { capturing = nullptr; }

std::string LogCapture::take() { return text_; }
