// Workers that lie, break the protocol, or send what no worker may send.
#include "supervisor/workers/worker_process.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/traps.h"
#include "tests/workers/watched_worker.h"

namespace prefork {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

/// Another worker of the same pool, which the spawner has not answered for.
class Neighbour final : public StartRequester, private WorkerProcess::Owner {
 public:
  Neighbour(const WorkerProcess::Services& services, SpawnerLink& spawner)
      : worker_(services, *this, WorkerId::make(2, 1), std::move(ends_.supervisor), WorkerId{}) {
    (void)spawner.add(*this, 1);
  }
  [[nodiscard]] Channel& other_end() { return ends_.worker; }
  [[nodiscard]] const std::vector<Event>& told() const { return told_; }

 private:
  void tell(const Event& event) override { told_.push_back(event); }
  void has_process(const WorkerProcess& /*worker*/) override {}
  void started(std::uint64_t /*worker*/, pid_t pid, Fd pidfd) override {
    worker_.started(pid, std::move(pidfd));
  }
  void not_started(std::uint64_t /*worker*/, const LaunchReply& /*reply*/) override {}
  void start_failed(std::uint64_t /*worker*/, const LaunchReply& /*reply*/) override {}
  void started_otherwise(std::uint64_t /*worker*/, const LaunchReply& /*reply*/) override {}

  test::ChannelPair ends_;
  std::vector<Event> told_;
  WorkerProcess worker_;
};

/// One datagram of these records.
void send_together(Channel& channel, const std::vector<Record>& records) {
  std::vector<std::byte> bytes(records.size() * kRecordSize);
  for (std::size_t i = 0; i < records.size(); ++i)
    encode(records[i], std::span(bytes).subspan(i * kRecordSize).first<kRecordSize>());
  REQUIRE(send_raw(channel, bytes) == 0);
}

TEST_CASE("the last records of a worker that cannot be watched are not taken for those of another") {
  auto socket = make_spawner_socket();
  REQUIRE(socket.ok());
  const SleepingChild spawner;  // the link kills it in the end
  Watched watched({std::move(socket.value().first), open_pidfd(spawner.pid), spawner.pid});
  Neighbour neighbour(watched.services(), watched.spawner());
  watched.ask_spawner();
  const auto busy = [](std::uint64_t ticket) { return Record{.kind = RecordKind::kBusy, .ticket = ticket}; };
  send_together(neighbour.other_end(), {busy(7), busy(8)});
  send_together(watched.other_end(), {Record{.kind = RecordKind::kReady, .value = 1}, busy(1)});
  LaunchReply answer;
  answer.key = {1, 2};
  answer.pid = 1 << 22;  // above the kernel's largest pid: no pidfd can be opened
  REQUIRE(::send(socket.value().second.get(), &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer));
  CHECK(watched.await<event::WorkerBusy>().ticket == Ticket{1});
  CHECK(watched.told() == 2);
  eventually("the neighbour is over", [&] {
    watched.run_once();
    return neighbour.told().size() == 3;
  });
  CHECK(std::get<event::WorkerBusy>(neighbour.told()[0]).ticket == Ticket{7});
  CHECK(std::get<event::WorkerBusy>(neighbour.told()[1]).ticket == Ticket{8});
  CHECK(std::holds_alternative<event::WorkerExited>(neighbour.told()[2]));
}

TEST_CASE("FAULTS 120: with each Refused and each eighth Busy it is told what the worker has not received") {
  Watched watched;
  watched.ask_spawner();
  for (int i = 0; i < 3; ++i) REQUIRE(watched.worker().dialect().ping() == SendStatus::kSent);
  watched.fork_process([](Channel& channel) {
    for (std::uint64_t ticket = 1; ticket <= 9; ++ticket) send(channel, RecordKind::kBusy, ticket);
    send(channel, RecordKind::kRefused, 10);
  });
  watched.started();
  CHECK(watched.await<event::WorkerRefused>().unread == 3);
  std::vector<std::optional<std::uint32_t>> told;
  for (const auto& busy : watched.all_of<event::WorkerBusy>()) told.push_back(busy.unread);
  std::vector<std::optional<std::uint32_t>> expected(9);
  expected[0] = expected[8] = 3;
  CHECK(told == expected);
}

TEST_CASE("whatever no worker may send is a violation, and it is told once") {
  Watched watched;
  watched.ask_spawner();
  Channel& channel = watched.other_end();
  std::string what;
  SUBCASE("a record of the supervisor's") {
    send(channel, RecordKind::kDrain);
    what = "a record Drain, which only the supervisor may send";
  }
  SUBCASE("an empty datagram") {
    REQUIRE(send_raw(channel, {}) == 0);
    what = "a datagram of 0 bytes";
  }
  SUBCASE("too large a datagram") {
    REQUIRE(send_raw(channel, std::vector<std::byte>(kMaxDatagramSize + kRecordSize)) == 0);
    what = "a datagram of more than 2048 bytes";
  }
  watched.await<event::WorkerViolated>();
  CHECK(watched.violations() == std::vector<std::string>{what});
  const std::size_t told = watched.told();
  REQUIRE(send_raw(channel, {}) == 0);
  send(channel, RecordKind::kPong);
  watched.await<event::WorkerPong>();
  CHECK(watched.told() == told + 1);
  CHECK(watched.violations().size() == 1);
}

TEST_CASE("FAULTS 85: a descriptor that a worker sends is closed outside the loop: its close may wait") {
  Watched watched;
  bool late = false;
  SUBCASE("received") {}
  SUBCASE("unread when the worker is forgotten") { late = true; }
  const Fd channel(::fcntl(watched.other_end().descriptor(), F_DUPFD_CLOEXEC, 0));
  watched.fork_process(do_nothing);
  watched.adopt({});  // as on a kernel without SO_PASSRIGHTS, which the channel of a new worker has off
  test::SlowToClose trap;
  const bool sent = test::send_with_descriptor(channel, trap.socket);
  REQUIRE(sent);
  trap.socket.reset(-1);
  const auto begin = std::chrono::steady_clock::now();
  if (!late) (void)watched.await<event::WorkerViolated>();
  watched.forget();
  watched.settle();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

}  // namespace
}  // namespace prefork
