// What a command prints on stdout. A command whose output is lost (a full disk, a closed descriptor) has
// failed.
#pragma once

#include <string>
#include <string_view>

namespace prefork {

class CommandOutput {
 public:
  /// Descriptors 0 to 2 that are closed stay unusable: no socket takes their numbers, and writing fails.
  CommandOutput();

  /// Writes the text at once.
  void print(std::string_view text);
  void print_line(const std::string& line) { print(line + '\n'); }
  /// The errno of the first write that failed; 0: nothing is lost so far.
  [[nodiscard]] int error() const { return error_; }

  /// The exit status of a command that ends with `status`: a success whose output is lost becomes a failure.
  /// The loss is reported on stderr.
  [[nodiscard]] int finish(int status);

 private:
  int error_ = 0;
};

}  // namespace prefork
