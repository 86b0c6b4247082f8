// A temporary directory with `gates/` in it. The destructor removes it.
#pragma once

#include <sys/types.h>

#include <string>

namespace prefork::test {

class TestDirectory {
 public:
  TestDirectory();
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + '/' + name; }
  /// Writes a file under another name and renames it, so that no reader sees half of it. Returns its path.
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0644) const;

 private:
  std::string path_;
};

}  // namespace prefork::test
