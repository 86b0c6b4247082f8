#include "config/problems.h"

#include <algorithm>

namespace prefork {

std::string ConfigProblem::message() const {
  return pointer.empty() ? file + ": " + what : file + ": " + pointer + ": " + what;
}

void Problems::add(const std::string& pointer, std::string what) {
  if (full()) return;
  if (list_.size() == kMax) {
    list_.push_back({file_, "", "there are more problems; correct these first"});
    return;
  }
  list_.push_back({file_, pointer, std::move(what)});
}

bool Problems::about(std::string_view pointer) const {
  return std::any_of(list_.begin(), list_.end(), [&](const auto& known) { return known.pointer == pointer; });
}

std::string child_pointer(const std::string& parent, std::string_view key) {
  std::string pointer = parent + '/';
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

std::string child_pointer(const std::string& parent, std::size_t index) {
  return parent + '/' + std::to_string(index);
}

}  // namespace prefork
