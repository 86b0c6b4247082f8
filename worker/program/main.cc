// The bundled worker: services to try supervisor out with, to measure it, and to read as examples of the
// library.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/record.h"
#include "proto/usage_formatter.h"
#include "proto/usage_mistake.h"
#include "worker/program/echo.h"
#include "worker/program/http.h"
#include "worker/program/inetd/inetd.h"
#include "worker/program/line.h"
#include "worker/program/listen.h"
#include "worker/program/service.h"
#include "worker/proxy_header.h"
#include "worker/serve.h"

namespace {

using prefork::worker::Connection;
using prefork::worker::Host;
using prefork::worker::HttpOptions;
using prefork::worker::InetdOptions;
using prefork::worker::ListenOptions;
using prefork::worker::ProgramErrors;
using prefork::worker::ServeOptions;
using prefork::worker::Service;

constexpr const char* kAbout =
    R"(A worker for supervisor: serves the connections that the supervisor hands to it.

In a pool's configuration:  "command": ["supervisor-worker", "http"]
                            "command": ["supervisor-worker", "inetd", "--", "git", "daemon", "--inetd"]
Without a supervisor:       supervisor-worker http --listen 127.0.0.1:8080 --workers 4)";

constexpr const char* kFooter = "\"supervisor-worker SERVICE --help\" tells more.\n\n";

constexpr const char* kExitStatus =
    "Exit status:\n"
    "  0  stopped by the supervisor or by a signal, or left after its connections\n"
    "  1  failure: an address in use; a program that is missing; out of descriptors\n"
    "  2  usage; no supervisor has started it, and no address is named";

/// As long as a request may take.
constexpr std::chrono::seconds kProxyHeaderTime{10};

/// The client of a connection that a supervisor has passed to this worker.
class HandedOver final : public Host {
 public:
  explicit HandedOver(Connection& connection) : connection_(connection) {}
  /// A connection that may be parked need not end when this worker leaves.
  bool leaving() override { return !connection_.may_park() && connection_.leaving(); }
  /// Bytes of the next request that are already read cannot go to another worker, so parking is not possible.
  bool leaving_with_more() override { return connection_.must_end() || leaving(); }
  bool next_request(std::chrono::milliseconds time) override { return connection_.next_request(time); }

 private:
  Connection& connection_;
};

struct Invocation {
  Service service;
  ListenOptions listen;
  ServeOptions serve;
  HttpOptions http;
  InetdOptions inetd;
};

void add_service(CLI::App& app, Invocation& invocation, const std::string& name, const std::string& about,
                 Service service) {
  CLI::App* command = app.add_subcommand(name, about);
  command->footer(kExitStatus);
  command->callback([&invocation, service = std::move(service)] { invocation.service = service; });
  command->add_option("--listen", invocation.listen.address, "accept connections here, without a supervisor")
      ->type_name("HOST:PORT");
  command
      ->add_option("--workers", invocation.listen.workers,
                   "with --listen: the number of processes that accept, 1 to 10000; 1 by default")
      ->type_name("N")
      ->check(CLI::Range(1, 10000).description(""));
  command->add_flag("--reuse-port", invocation.listen.reuse_port,
                    "with --listen: each process has its own listener (SO_REUSEPORT)");
  command
      ->add_option("--leave-after", invocation.serve.leave_after,
                   "with a supervisor: leave after so many connections, and have another worker started")
      ->type_name("N");
}

void add_services(CLI::App& app, Invocation& invocation) {
  add_service(app, invocation, "echo", "Send back the first bytes of the client, then close.",
              [](int socket, Host&) { prefork::worker::echo(socket); });
  add_service(
      app, invocation, "line",
      "Read one line: 'W <us>' uses that much CPU time, 'S <us>' sleeps; answer 'OK <pid>', then close.",
      [](int socket, Host&) { prefork::worker::line(socket); });
  add_service(
      app, invocation, "http", "Serve a page that says hello; /?ms=N waits N milliseconds first.",
      [&invocation](int socket, Host& host) { prefork::worker::http(socket, invocation.http, host); });
  app.get_subcommand("http")
      ->add_option_function<double>(
          "--keep-alive",
          [&invocation](double seconds) {
            invocation.http.keep_alive = std::chrono::milliseconds(static_cast<long>(seconds * 1000));
          },
          "how long a client may be silent between two requests, while it occupies this worker; 0 closes "
          "after each request; 5 by default")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 3600.0).description(""));
}

void add_inetd(CLI::App& app, InetdOptions& options) {
  CLI::App* command =
      app.add_subcommand("inetd", "Run a program for each connection, as its standard input and output.");
  command->footer(
      std::string(
          "The program has the environment of ucspi-tcp (PROTO, TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP,\n"
          "TCPLOCALPORT; TCP6... for IPv6; UNIXREMOTEUID... for unix sockets). A connection ends when its "
          "program\n"
          "has ended. The pool's connections_per_worker says how many programs one worker runs at a "
          "time.\n\n") +
      kExitStatus);
  static const std::map<std::string, ProgramErrors> kErrors{{"log", ProgramErrors::kLog},
                                                            {"connection", ProgramErrors::kConnection},
                                                            {"null", ProgramErrors::kNull}};
  command
      ->add_option_function<std::string>(
          "--stderr", [&options](const std::string& where) { options.errors = kErrors.at(where); },
          "where its standard error goes: log (that of this worker; the default), connection (to the client, "
          "as inetd does), null")
      ->type_name("WHERE")
      ->check(CLI::IsMember(std::vector<std::string>{"log", "connection", "null"}).description(""));
  command
      ->add_option(
          "--spare", options.spare,
          "processes that are started already and wait for a connection; one for each slot by default")
      ->type_name("N")
      ->check(CLI::Range(0, 10000).description(""));
  command->add_flag("--log-all", options.log_all,
                    "a line in the log for each program that ends, not only for those that fail");
}

/// What follows the first "--" of `inetd` is the program, whatever it looks like. The number of arguments
/// before it.
int take_program(int argc, char** argv, InetdOptions& options) {
  char** const end = argv + argc;
  if (argc < 2 || std::string_view("inetd") != argv[1]) return argc;
  char** const found = std::find(argv, end, std::string_view("--"));
  if (found != end) options.command.assign(found + 1, end);
  return static_cast<int>(found - argv);
}

/// Prints the help, or the mistake; returns the exit status.
int report(const CLI::App& app, const CLI::ParseError& outcome) {
  if (outcome.get_exit_code() == 0) return app.exit(outcome);
  std::cerr << "supervisor-worker: " << prefork::usage_mistake(app, outcome, "a service") << '\n';
  return 2;
}

int run_inetd(const InetdOptions& options) {
  if (!options.command.empty()) return prefork::worker::inetd(options);
  std::cerr << "supervisor-worker: inetd: say which program: inetd -- PROGRAM ARGUMENTS\n";
  return 2;
}

int run(int argc, char** argv) {
  CLI::App app{kAbout, "supervisor-worker"};
  app.formatter(std::make_shared<prefork::UsageFormatter>("inetd"));
  app.option_defaults()->disable_flag_override();
  app.set_help_flag("-h,--help", "print this help and exit");
  app.require_subcommand(1);
  Invocation invocation;
  add_services(app, invocation);
  add_inetd(app, invocation.inetd);
  app.footer(std::string(kFooter) + kExitStatus);  // after the services: a later one inherits the footer
  argc = take_program(argc, argv, invocation.inetd);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& outcome) {
    return report(app, outcome);  // of --help, too
  }
  (void)std::signal(SIGPIPE, SIG_IGN);
  if (!invocation.listen.address.empty()) {
    return prefork::worker::listen_and_serve(invocation.listen, invocation.service);
  }
  if (app.got_subcommand("inetd")) return run_inetd(invocation.inetd);
  if (std::getenv(prefork::kChannelVariable) == nullptr) {
    std::cerr << "supervisor-worker: no supervisor has started this program, and it has no address: say "
                 "--listen HOST:PORT, or "
                 "name it as the command of a pool\n";
    return 2;
  }
  return prefork::worker::serve(
      [&](Connection& connection) {
        using prefork::worker::read_proxy_header;
        // No service asks where its client is.
        if (connection.proxied() && !read_proxy_header(connection.socket(), kProxyHeaderTime)) return;
        HandedOver host(connection);
        invocation.service(connection.socket(), host);
      },
      invocation.serve);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "supervisor-worker: " << error.what() << '\n';
    return 1;
  }
}
