#include "supervisor/system/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "proto/digits.h"
#include "proto/fd.h"

namespace prefork {

Result<std::uint64_t> resident_memory(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/statm";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_error(path);
  std::array<char, 128> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return system_error(path, size < 0 ? errno : ESRCH);
  // "size resident shared …", in pages.
  const std::string_view fields(text.data(), static_cast<std::size_t>(size));
  const std::size_t space = fields.find(' ');
  if (space == std::string_view::npos) return system_error(path, EPROTO);
  const std::string_view resident = fields.substr(space + 1);
  const auto pages = parse_digits<std::uint64_t>(resident.substr(0, leading_digits(resident)));
  if (!pages) return system_error(path, EPROTO);
  return *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace prefork
