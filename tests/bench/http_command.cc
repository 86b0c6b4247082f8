#include "tests/bench/http_command.h"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/bench/report.h"

namespace prefork::bench {
namespace {

/// "RATE:SECONDS".
Phase parse_phase(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw std::invalid_argument(text + ": not RATE:SECONDS");
  return {.rate = std::stod(text.substr(0, colon)), .duration = Seconds(std::stod(text.substr(colon + 1)))};
}

/// A client needs a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

HttpCommand::HttpCommand(CLI::App& app)
    : command_(app.add_subcommand("http",
                                  "Clients of HTTP/1.1 that keep their connections: each asks again "
                                  "as soon as it is answered, or at random times")) {
  command_->add_option("--clients", options_.clients, "How many; 0, with --phase: one for each request")
      ->capture_default_str();
  command_->add_flag("--fresh", options_.fresh, "A new connection for each request");
  command_->add_option("--short-ms", options_.short_ms, "Milliseconds of a short request")
      ->capture_default_str();
  command_->add_option("--long-ms", options_.long_ms, "Milliseconds of a long request")
      ->capture_default_str();
  command_->add_option("--long-share", options_.long_share, "Share of the long ones")->capture_default_str();
  command_->add_option("--grace", grace_, "Seconds that what is under way at the end may take [--timeout]");
  command_->add_option("--sources", options_.sources, "Connect from so many addresses, from 127.0.0.2 on")
      ->capture_default_str();
  command_
      ->add_option("--ideal-servers", options_.ideal_servers,
                   "With --phase: report as ideal_short what so many servers behind one queue would do")
      ->capture_default_str();
  command_->add_option("--seed", options_.seed, "Same seed, same arrivals")->capture_default_str();
  command_->add_option("--phase", phases_, "So many requests a second for so long; may be repeated")
      ->type_name("RATE:SECONDS");
  command_->add_flag("--interactive", interactive_,
                     "Let each client ask once, say so, then obey lines of RATE:SECONDS from standard input");
}

int HttpCommand::run(const sockaddr_in& server, Seconds seconds, Seconds patience) {
  raise_descriptor_limit();
  options_.server = server;
  options_.patience = patience;
  options_.grace = grace_ < 0 ? patience : Seconds(grace_);
  auto load = HttpLoad::create(options_);
  if (!load) {
    std::cerr << "bench-client: " << load.error().message() << '\n';
    return 1;
  }
  if (interactive_) return converse(load.value());
  std::vector<Phase> phases;
  for (const std::string& phase : phases_) phases.push_back(parse_phase(phase));
  const HttpReport report = phases.empty() ? load.value().run_closed(seconds) : load.value().run_open(phases);
  std::cout << to_json(report).dump(2) << '\n';
  return 0;
}

int HttpCommand::converse(HttpLoad& load) const {
  std::cout << nlohmann::json{{"answered", load.warm_up()}}.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << to_json(load.run_open({parse_phase(line)})).dump() << std::endl;
  }
  return 0;
}

}  // namespace prefork::bench
