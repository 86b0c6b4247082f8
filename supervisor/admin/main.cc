// supervisor-admin: tells browsers, Prometheus and load balancers what a supervisor does (docs/admin.md).
#include <sys/resource.h>

#include <cstdio>
#include <exception>
#include <utility>

#include "supervisor/admin/admin_server.h"

namespace {

/// Whatever bytes of clients may do to this process: it leaves no other one behind, which would keep the
/// listening sockets. Root is not limited so.
void forbid_processes() {
#ifndef SUPERVISOR_SANITIZED  // the search for leaks is a process of its own
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_NPROC, &none);  // a limit can always be lowered
#endif
}

int run(const std::vector<std::string>& arguments) {
  auto options = prefork::read_admin_options(arguments);
  if (!options) {
    (void)std::fprintf(stderr, "%s\n", options.error().message().c_str());
    return 2;
  }
  forbid_processes();
  prefork::IoContext io(1);
  prefork::AdminServer server(io, std::move(options.value()));
  if (const auto started = server.start(); !started) {
    (void)std::fprintf(stderr, "supervisor-admin: %s\n", started.error().message().c_str());
    return 1;
  }
  io.run();
  return server.status();
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "supervisor-admin: %s\n", error.what());
    return 1;
  }
}
