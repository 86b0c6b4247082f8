#include "supervisor/admin/history_file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>

namespace prefork {
namespace {

/// In front of the text: the number of the format, and the size of the text.
constexpr const char* kHeader = "supervisor-history 1 %010zu\n";
constexpr std::size_t kHeaderSize = 32;
constexpr std::size_t kMaxText = std::size_t{16} << 20;
using Header = std::array<char, kHeaderSize + 1>;

bool write_at(int file, const char* text, std::size_t size, std::size_t at) {
  while (size > 0) {
    const ssize_t written = ::pwrite(file, text, size, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text += written;
    at += static_cast<std::size_t>(written);
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool read_at(int file, char* into, std::size_t size, std::size_t at) {
  while (size > 0) {
    const ssize_t got = ::pread(file, into, size, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got;
    at += static_cast<std::size_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

bool save_history(const Fd& file, const Json& history) {
  const std::string text = line_of(history);
  Header header{};
  // Without a header while the text is written: the process may be killed meanwhile.
  if (!write_at(file.get(), header.data(), kHeaderSize, 0)) return false;
  if (!write_at(file.get(), text.data(), text.size(), kHeaderSize)) return false;
  (void)std::snprintf(header.data(), header.size(), kHeader, text.size());
  return write_at(file.get(), header.data(), kHeaderSize, 0);
}

Json load_history(const Fd& file) {
  Header header{};
  std::size_t size = 0;
  if (!read_at(file.get(), header.data(), kHeaderSize, 0)) return nullptr;
  if (std::sscanf(header.data(), kHeader, &size) != 1 || size > kMaxText) return nullptr;
  std::string text(size, '\0');
  if (!read_at(file.get(), text.data(), size, kHeaderSize)) return nullptr;
  const Json read = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return read.is_discarded() ? Json() : read;
}

}  // namespace prefork
