#include "supervisor/system/child_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace prefork {

bool ChildList::open() {
  // Each thread has a list. The children, adopted ones as well, are in that of the first thread.
  const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  cut_.clear();
  return file_.valid();
}

std::vector<pid_t> ChildList::read() {
  std::vector<pid_t> pids;
  if (!file_.valid()) return pids;
  std::array<char, 4096> buffer;
  const ssize_t size = ::read(file_.get(), buffer.data(), buffer.size());
  if (size <= 0) {
    file_.reset();
    return pids;
  }
  const std::string text = cut_ + std::string(buffer.data(), static_cast<std::size_t>(size));
  std::string_view rest = text;
  for (std::size_t end = rest.find(' '); end != std::string_view::npos; end = rest.find(' ')) {
    pid_t pid = 0;
    if (std::from_chars(rest.data(), rest.data() + end, pid).ec == std::errc()) pids.push_back(pid);
    rest.remove_prefix(end + 1);
  }
  cut_ = rest;
  return pids;
}

}  // namespace prefork
