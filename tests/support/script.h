// The script of a scripted worker: its arguments, one step each. scripted_worker.cc explains the steps.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace prefork::test {

/// One argument, `name`, `name:text` or `name:key=value,key=value`.
struct Step {
  std::string name;
  std::string text;                            ///< all text after the colon
  std::map<std::string, std::string> options;  ///< the parts of the text, if it consists of `key=value`

  [[nodiscard]] unsigned long number(const std::string& option, unsigned long otherwise) const;
  /// The text as a number.
  [[nodiscard]] std::size_t count() const;
};

[[nodiscard]] Step parse_step(std::string_view argument);
[[nodiscard]] std::vector<Step> parse_script(int argc, char** argv);

}  // namespace prefork::test
