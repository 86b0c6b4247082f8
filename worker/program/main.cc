// The bundled worker: services to try supervisor out with, to measure it, and to read as examples of the
// library.
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

#include "worker/program/echo.h"
#include "worker/program/line.h"
#include "worker/program/service.h"
#include "worker/serve.h"

namespace {

using prefork::worker::Service;

int run(int argc, char** argv) {
  CLI::App app{"A worker for supervisor. It serves the connections that supervisor hands to it."};
  app.require_subcommand(1);
  std::optional<Service> service;
  app.add_subcommand("echo", "Sends back the first bytes that a client sends, then closes")->callback([&] {
    service = prefork::worker::echo;
  });
  app.add_subcommand("line",
                     "Reads one line: 'W <us>' uses that much CPU time, 'S <us>' sleeps; answers 'OK <pid>', "
                     "then closes")
      ->callback([&] { service = prefork::worker::line; });
  CLI11_PARSE(app, argc, argv);
  return prefork::worker::serve(
      [&](prefork::worker::Connection& connection) { (*service)(connection.socket()); });
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
