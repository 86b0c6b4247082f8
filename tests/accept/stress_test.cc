// A ledger of many connections, which real programs serve at random: each is begun once, and idle once.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/accept/hosted.h"
#include "tests/support/eventually.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

constexpr unsigned kSlots = 8;

/// Of this run; ACCEPT_SEED repeats another.
unsigned seed_of_run() {
  const char* given = std::getenv("ACCEPT_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device()();
}

/// Keeps the program's slots full, and counts what comes back.
class Ledger {
 public:
  explicit Ledger(Hosted& program) : program_(program) {}

  void dispatch() {
    const std::uint64_t ticket = program_.dispatch();
    program_.client(ticket).send("x");
    open_.insert(ticket);
    last_ = ticket;
  }
  /// Waits for the next record. Hosted checks that it fits the connection.
  RecordKind next() {
    const Arrival arrival = program_.next();
    REQUIRE(!arrival.end);
    const RecordKind kind = arrival.record.kind;
    CHECK((kind == RecordKind::kBusy || kind == RecordKind::kIdle));
    if (kind == RecordKind::kIdle) CHECK(open_.erase(arrival.record.ticket) == 1);
    return kind;
  }
  /// The tickets of all connections so far are those from 1 to this.
  [[nodiscard]] std::uint64_t dispatched() const { return last_; }
  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  Hosted& program_;
  std::set<std::uint64_t> open_;
  std::uint64_t last_ = 0;
};

void run_stress(const std::string& name, const std::vector<std::string>& environment,
                std::size_t connections) {
  const unsigned seed = seed_of_run();
  MESSAGE("seed ", seed);
  CAPTURE(seed);
  Hosted program({.command = {c_program(name), "PORT", std::to_string(seed)},
                  .slots = kSlots,
                  .environment = environment});
  program.expect(RecordKind::kReady, kSlots);
  Ledger ledger(program);
  std::size_t settled = 0;
  for (std::size_t sent = 0; sent < connections;) {
    for (; ledger.open() < kSlots && sent < connections; ++sent) ledger.dispatch();
    (void)ledger.next();
    if (sent == connections / 4 && settled == 0) {
      while (ledger.open() > 0) (void)ledger.next();
      settled = descriptors_of(program.pid());
    }
  }
  while (ledger.open() > 0) (void)ledger.next();
  CHECK(program.quiet());
  eventually("no descriptor is left over", [&] { return descriptors_of(program.pid()) <= settled + 2; });
  eventually("no child is left over", [&] { return program.processes().size() == 1; });
  CHECK(program.output() == "");
}

void kill_children_at_random(const std::vector<std::string>& command) {
  const unsigned seed = seed_of_run();
  MESSAGE("seed ", seed);
  CAPTURE(seed);
  std::mt19937 random(seed);
  Hosted program({.command = command, .slots = kSlots});
  program.expect(RecordKind::kReady, kSlots);
  Ledger ledger(program);
  for (int i = 0; i < 200; ++i) {
    while (ledger.open() < kSlots / 2) ledger.dispatch();
    const std::vector<ProcessStat> children = children_of(program.pid());
    if (!children.empty()) (void)::kill(children[random() % children.size()].pid, SIGKILL);
    while (!program.quiet()) (void)ledger.next();
    // A client that has its answer ends; those of killed children have the end of their connection.
    for (std::uint64_t ticket = 1; ticket <= ledger.dispatched(); ++ticket) {
      if (!program.client(ticket).silent()) program.client(ticket).close();
    }
  }
  for (std::uint64_t ticket = 1; ticket <= ledger.dispatched(); ++ticket) program.client(ticket).close();
  while (ledger.open() > 0) (void)ledger.next();
  CHECK(program.quiet());
}

/// Connections of two listeners to a program that asks both without a wait. Returns how many it refused.
std::size_t serve_two_listeners(const std::string& processes, std::size_t connections) {
  Hosted program({.command = {c_program("two"), processes},
                  .listen = {"127.0.0.1:0", "127.0.0.1:0"},
                  .environment = {"SUPERVISOR_LISTEN_FDS=1"}});
  program.expect(RecordKind::kReady, 8);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < connections; ++i) {
    const std::size_t index = i / 2 % 2;
    const std::uint64_t ticket = program.dispatch(index);
    const Arrival first = program.next();
    REQUIRE(!first.end);
    if (first.record.kind == RecordKind::kRefused) {
      ++refused;
      continue;
    }
    REQUIRE(first.record.kind == RecordKind::kBusy);
    CHECK(program.client(ticket).receive(1) == std::to_string(index));
    program.expect(RecordKind::kIdle, ticket);
  }
  CHECK(program.quiet());
  return refused;
}

}  // namespace

TEST_CASE("FAULTS 283: a connection that comes while the other listener is asked waits for its own") {
  CHECK(serve_two_listeners("1", 400) == 0);
}

TEST_CASE(
    "FAULTS 283: the same in several processes: it may be refused, but never comes by the wrong listener") {
  (void)serve_two_listeners("3", 400);
}

TEST_CASE(
    "FAULTS 267: threads, copies, forks and kills at random: each connection is begun once and idle once") {
  run_stress("stress", {}, 1500);
}

TEST_CASE("FAULTS 267: the same in a program with AddressSanitizer") {
  run_stress("stress-address", {"ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"}, 300);
}

TEST_CASE("FAULTS 267: the same in a program with ThreadSanitizer") {
  run_stress("stress-thread", {"TSAN_OPTIONS=die_after_fork=0"}, 300);
}

TEST_CASE("FAULTS 259: children of a prefork master are killed at random: no connection is forgotten") {
  kill_children_at_random({c_program("prefork"), "PORT", "6"});
}

TEST_CASE("FAULTS 258: children of a forking server are killed at random: no connection is forgotten") {
  kill_children_at_random({c_program("fork"), "PORT"});
  kill_children_at_random({c_program("fork"), "PORT", "ignore"});
}

}  // namespace prefork::test
