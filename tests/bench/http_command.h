// `bench-client SERVER http`: the loads of HttpLoad on the command line.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "tests/bench/http_load.h"

namespace prefork::bench {

class HttpCommand {
 public:
  explicit HttpCommand(CLI::App& app);

  [[nodiscard]] bool parsed() const { return command_->parsed(); }
  /// Reports on standard output; the exit code.
  [[nodiscard]] int run(const sockaddr_in& server, Seconds seconds, Seconds patience);

 private:
  [[nodiscard]] int converse(HttpLoad& load) const;

  CLI::App* command_;
  HttpOptions options_;
  double grace_ = -1;
  std::vector<std::string> phases_;
  bool interactive_ = false;
};

}  // namespace prefork::bench
