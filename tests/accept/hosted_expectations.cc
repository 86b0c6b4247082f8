// What tests expect of a hosted program.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>

#include <string>
#include <utility>

#include "tests/accept/hosted.h"
#include "tests/support/eventually.h"
#include "tests/support/process_list.h"

namespace prefork::test {

std::string remote_program() { return c_program("remote"); }
std::string c_program(const std::string& name) { return std::string(ACCEPT_PROGRAMS) + "/accept-" + name; }
std::string accept_library() { return ACCEPT_LIBRARY; }

Arrival Hosted::next() {
  if (arrived_.empty() && !channel_.open()) return {.record = {}, .text = "", .end = true};
  while (arrived_.empty()) {
    pollfd state{.fd = channel_.descriptor(), .events = POLLIN, .revents = 0};
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
    REQUIRE_MESSAGE(::poll(&state, 1, static_cast<int>(patience)) == 1, "no record comes");
    read_channel();
  }
  Arrival arrival = std::move(arrived_.front());
  arrived_.pop_front();
  return arrival;
}

bool Hosted::quiet() {
  pollfd state{.fd = channel_.descriptor(), .events = POLLIN, .revents = 0};
  return arrived_.empty() && (!channel_.open() || ::poll(&state, 1, 0) == 0);
}

void Hosted::expect(RecordKind kind, std::uint64_t ticket) {
  const Arrival arrival = next();
  REQUIRE_MESSAGE(!arrival.end, "the channel has ended; expected: ", to_string(kind));
  CHECK_MESSAGE(arrival.record.kind == kind, to_string(arrival.record.kind), " in place of ",
                to_string(kind));
  CHECK(arrival.record.ticket == ticket);
}

void Hosted::expect_now(RecordKind kind, std::uint64_t ticket) {
  REQUIRE_MESSAGE(!quiet(), "there is no ", to_string(kind));
  expect(kind, ticket);
}

bool Hosted::at_end() { return next().end; }

int Hosted::accepts(int listener, std::uint64_t ticket, int helper) {
  const int connection = number("accept " + std::to_string(listener), helper);
  expect_now(RecordKind::kBusy, ticket);
  return connection;
}

int Hosted::await_exit() {
  int status = 0;
  eventually("the program ends", [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace prefork::test
