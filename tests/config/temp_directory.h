// A directory that exists during a test, with the files that the test puts there.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace prefork {

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "config-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDirectory() {
    std::error_code ignored;  // a leftover in the temporary directory fails no test
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + '/' + name; }

  /// Writes a file and returns its path.
  std::string file(const std::string& name, std::string_view content, mode_t mode = 0644) const {
    std::ofstream(at(name), std::ios::binary) << content;
    REQUIRE(::chmod(at(name).c_str(), mode) == 0);
    return at(name);
  }

 private:
  std::string path_;
};

}  // namespace prefork
