#include "failure.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <bpf/libbpf.h>

namespace {

thread_local std::string *capturing = nullptr;

int print(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (level == LIBBPF_DEBUG || capturing == nullptr) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    // A log of the verifier is one message, and what is wrong stands at its end.
    std::string line(static_cast<size_t>(length) + 1, '\0');
    vsnprintf(line.data(), line.size(), format, again);
    line.pop_back();
    capturing->append(line);
  }
  va_end(again);
  return length;
}

// The verifier's last line before it counts what it has looked at.
std::string refusal(const std::string &log) {
  const size_t end = log.find("\nprocessed ");
  if (end == std::string::npos) return "";
  const size_t begin = log.rfind('\n', end - 1);
  return log.substr(begin + 1, end - begin - 1);
}

}  // namespace

std::string Failure::reason() const {
  const std::string why = refusal(log);
  return why.empty() ? strerror(error) : strerror(error) + (": " + why);
}

LogCapture::LogCapture() {
  libbpf_set_print(print);
  capturing = &text_;
}

LogCapture::~LogCapture() { capturing = nullptr; }

std::string LogCapture::take() { return text_; }
