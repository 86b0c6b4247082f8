// bench-client: puts load on a server that echoes, on one that answers `line` requests, or on one of HTTP,
// and reports as JSON.
#include <arpa/inet.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/bench/driver.h"
#include "tests/bench/http_command.h"
#include "tests/bench/load.h"
#include "tests/bench/report.h"

namespace {

using prefork::bench::ChurnOptions;
using prefork::bench::Driver;
using prefork::bench::HttpCommand;
using prefork::bench::OpenOptions;
using prefork::bench::Seconds;

std::optional<sockaddr_in> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    return std::nullopt;
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1))));
  return address;
}

/// From now on SIGTERM ends nothing, and told_to_stop() says whether it has come.
void keep_sigterm() {
  sigset_t signals;
  (void)::sigemptyset(&signals);
  (void)::sigaddset(&signals, SIGTERM);
  (void)::sigprocmask(SIG_BLOCK, &signals, nullptr);
}

bool told_to_stop() {
  sigset_t pending;
  return ::sigpending(&pending) == 0 && ::sigismember(&pending, SIGTERM) == 1;
}

struct Options {
  std::string server;
  double seconds = 5;
  double timeout = 30;
  ChurnOptions churn;
  OpenOptions open;
  std::int64_t short_us = 1'000;
  std::int64_t long_us = 100'000;
};

int run(int argc, char** argv) {
  CLI::App app{"Puts load on a server and reports as JSON."};
  app.require_subcommand(1);
  Options options;
  app.add_option("server", options.server, "IPv4 address and port, such as 127.0.0.1:8080")->required();
  app.add_option("--seconds", options.seconds, "How long")->capture_default_str();
  app.add_option("--timeout", options.timeout, "Seconds after which a request has failed")
      ->capture_default_str();
  CLI::App* churn =
      app.add_subcommand("churn", "As many exchanges as possible: connect, 64 bytes, echo, close");
  churn->add_option("--clients", options.churn.clients, "How many at a time")->capture_default_str();
  CLI::App* open =
      app.add_subcommand("open", "Random arrivals at a fixed rate, some long; SIGTERM ends it early");
  open->add_option("--rate", options.open.rate, "Requests a second")->capture_default_str();
  open->add_option("--short-us", options.short_us, "Microseconds of a short request")->capture_default_str();
  open->add_option("--long-us", options.long_us, "Microseconds of a long request")->capture_default_str();
  open->add_option("--long-share", options.open.long_share, "Share of the long ones")->capture_default_str();
  open->add_option("--seed", options.open.seed, "Same seed, same arrivals")->capture_default_str();
  open->add_flag("--work", options.open.work, "Requests use CPU time instead of sleeping");
  HttpCommand http(app);
  CLI11_PARSE(app, argc, argv);

  const std::optional<sockaddr_in> server = parse_address(options.server);
  if (!server) {
    std::cerr << "bench-client: " << options.server << ": not an IPv4 address and port\n";
    return 2;
  }
  if (http.parsed()) return http.run(*server, Seconds(options.seconds), Seconds(options.timeout));
  auto driver = Driver::connect_to(
      *server, std::chrono::duration_cast<prefork::bench::Clock::duration>(Seconds(options.timeout)));
  if (!driver) {
    std::cerr << "bench-client: " << driver.error().message() << '\n';
    return 1;
  }
  options.churn.duration = options.open.duration = Seconds(options.seconds);
  keep_sigterm();
  options.open.stopped = told_to_stop;
  options.open.short_time = std::chrono::microseconds(options.short_us);
  options.open.long_time = std::chrono::microseconds(options.long_us);
  const auto report = open->parsed() ? to_json(run_open(driver.value(), options.open))
                                     : to_json(run_churn(driver.value(), options.churn));
  std::cout << report.dump(2) << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "bench-client: " << error.what() << '\n';
    return 1;
  }
}
