// The form of `--help` in both programs. Included only where CLI11 parses a command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

namespace prefork {

/// The type of an argument that the help writes as a whole: "[POOL] N". "": it is written as any other.
inline std::string whole_argument(const CLI::Option* option) {
  const std::string type = option->get_positional() ? option->get_type_name() : "";
  return type.starts_with('[') ? type : "";
}

class UsageFormatter final : public CLI::Formatter {
 public:
  /// `runner`: the command that a program follows, behind "--".
  explicit UsageFormatter(std::string runner) : runner_(std::move(runner)) {}

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, std::move(name));
    if (app->get_name() == runner_) usage.insert(usage.find_last_not_of('\n') + 1, " -- PROGRAM [ARGUMENTS]");
    return usage;
  }
  std::string make_option_usage(const CLI::Option* option) const override {
    const std::string whole = whole_argument(option);
    return whole.empty() ? CLI::Formatter::make_option_usage(option) : whole;
  }
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    const std::string whole = whole_argument(option);
    return whole.empty() ? CLI::Formatter::make_option_name(option, positional) : whole;
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return whole_argument(option).empty() ? CLI::Formatter::make_option_opts(option) : "";
  }

 private:
  std::string runner_;
};

}  // namespace prefork
