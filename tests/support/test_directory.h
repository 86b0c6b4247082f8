// A directory that is gone with the object, and `gates/` in it.
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
  /// Writes a file under another name and puts it in its place, so that nobody sees half of it; returns its
  /// path.
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0644) const;

 private:
  std::string path_;
};

}  // namespace prefork::test
