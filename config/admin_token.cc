#include "config/admin_token.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "proto/fd.h"

namespace prefork {
namespace {

constexpr std::size_t kShortest = 16;
constexpr std::size_t kLongest = 1000;

/// What can stand in a header of HTTP.
bool is_in_a_token(char c) { return c > ' ' && c < '\x7f'; }

/// Why a line is no token; empty: it is one.
std::string fault_of_token(const std::string& token) {
  if (token.empty()) return "is empty; write a token there: head -c 24 /dev/urandom | base64";
  if (token.size() > kLongest) return "has more than 1000 characters; a token is one line of 16 to 1000";
  if (!std::all_of(token.begin(), token.end(), is_in_a_token))
    return "is not one line of printable characters without spaces; write one there: "
           "head -c 24 /dev/urandom | base64";
  if (token.size() < kShortest) {
    return "has a token of " + std::to_string(token.size()) +
           " characters; at least 16 are needed: head -c 24 /dev/urandom | base64";
  }
  return "";
}

}  // namespace

Result<std::string> read_admin_token(const std::string& path) {
  if (path.find('\0') != std::string::npos) return Error{"cannot be read: its name contains a NUL byte"};
  // O_NONBLOCK: otherwise open() of a FIFO waits for a writer.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid() && errno == ENOENT)
    return Error{"does not exist; make it: (umask 077; head -c 24 /dev/urandom | base64 > FILE)"};
  if (!file.valid()) return system_error("cannot be read by user " + std::to_string(::geteuid()));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error("cannot be read");
  if (!S_ISREG(info.st_mode)) return Error{"is not a regular file; name a file that has a token in it"};
  if ((info.st_mode & S_IRWXO) != 0)
    return Error{"is open to every user; take that permission away: chmod o= FILE"};
  std::string text(kLongest + 3, '\0');  // a line end, and one more that shows that the file is longer
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (std::string fault = fault_of_token(text); !fault.empty()) return Error{std::move(fault)};
  return text;
}

}  // namespace prefork
