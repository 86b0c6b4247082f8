#include "supervisor/system/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "proto/fd.h"

namespace prefork {

std::optional<std::uint64_t> resident_memory(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/statm";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::array<char, 128> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  // "size resident shared …", in pages.
  const std::string_view fields(text.data(), static_cast<std::size_t>(size));
  const std::size_t second = fields.find(' ') + 1;
  std::uint64_t pages = 0;
  const auto [end, error] = std::from_chars(fields.data() + second, fields.data() + fields.size(), pages);
  if (second == 0 || error != std::errc()) return std::nullopt;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace prefork
