// A real worker of `supervisor-worker inetd`, for a test that plays its supervisor.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process_list.h"
#include "tests/worker/hosted_worker.h"

namespace prefork::test {

using Words = std::vector<std::string>;

inline Words inetd(Words program, const Words& options = {}) {
  Words command = {supervisor_worker(), "inetd"};
  command.insert(command.end(), options.begin(), options.end());
  command.emplace_back("--");
  command.insert(command.end(), program.begin(), program.end());
  return command;
}

inline Words shell(const std::string& script) { return {"sh", "-c", script}; }

/// A worker that has said Ready.
struct InetdWorker : HostedWorker {
  explicit InetdWorker(const Words& program, const Words& options = {}, Words environment = {})
      : HostedWorker(inetd(program, options), std::move(environment)) {
    CHECK(await().kind == RecordKind::kReady);
  }

  /// A connection that the worker has begun.
  Client begin(std::uint64_t ticket) {
    Client client = dispatch(ticket);
    CHECK(await() == Record{.kind = RecordKind::kBusy, .ticket = ticket});
    return client;
  }
  /// What a program says to a client that sends nothing.
  std::string answer(std::uint64_t ticket) {
    Client client = begin(ticket);
    client.shut_down();
    std::string all = client.receive_to_end();
    CHECK(await() == Record{.kind = RecordKind::kIdle, .ticket = ticket});
    return all;
  }
  [[nodiscard]] std::string errors_until(const std::string& text) {
    return read_until(process().errors(), text);
  }
  /// The processes that the worker has forked: the guard, and those that wait.
  [[nodiscard]] std::vector<ProcessStat> children() { return children_of(process().pid()); }
};

inline bool ends(pid_t pid) {
  eventually("a process has ended", [pid] { return !is_alive(pid); });
  return true;
}

}  // namespace prefork::test
