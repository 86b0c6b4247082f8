// What a classic worker says, and what the supervisor understands.
#include "supervisor/workers/classic_dialect.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/workers/told_events.h"

namespace prefork {
namespace {

const WorkerId kWorker = WorkerId::make(1, 0);

/// A dialect, what it tells, and the worker's end of the channel.
class Spoken final : private Dialect::Listener {
 public:
  explicit Spoken(const DialectState& state = {.wire = Wire::kClassic}) {
    auto ends = Channel::make_pair(/*send_buffer=*/1920, SOCK_STREAM);
    REQUIRE(ends.ok());
    ours_ = std::move(ends.value().first);
    worker_ = ends.value().second.release();
    dialect_.emplace(Dialect::Worker{kWorker, ours_, unread_, static_cast<Dialect::Listener&>(*this)}, state);
  }

  [[nodiscard]] SendStatus send(std::uint64_t ticket) {
    action::Dispatch dispatch;
    dispatch.ticket = Ticket{ticket};
    return dialect_->send(dispatch, null_);
  }
  void write(const void* bytes, std::size_t size) const {
    REQUIRE(::write(worker_.get(), bytes, size) == static_cast<ssize_t>(size));
  }
  void write(std::int32_t value) const { write(&value, sizeof(value)); }
  /// The worker takes a connection out of its channel.
  void take() const {
    char byte = 1;
    REQUIRE(::read(worker_.get(), &byte, 1) == 1);
    CHECK(byte == 0);
  }
  /// One receive(). False: nothing has come, or the end.
  bool hear(bool introduces = false) {
    if (ours_.receive(datagram_) != ReceiveStatus::kDatagram) return false;
    dialect_->hear(datagram_.bytes(), introduces);
    return true;
  }
  void end() { worker_.reset(); }
  template <typename T>
  [[nodiscard]] std::vector<T> all_of() const {
    return test::events_of<T>(told_);
  }
  [[nodiscard]] std::vector<std::uint64_t> idle() const { return test::tickets_of<event::WorkerIdle>(told_); }
  [[nodiscard]] ClassicDialect& dialect() { return *dialect_; }
  [[nodiscard]] const Fd& worker() const { return worker_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::size_t told() const { return told_.size(); }
  /// Gives it this connection as soon as it has finished one.
  void follow_with(std::uint64_t ticket) { next_ = ticket; }

 private:
  void tell(const Event& event) override {
    told_.push_back(event);
    if (next_ != 0 && std::holds_alternative<event::WorkerIdle>(event))
      CHECK(send(std::exchange(next_, 0)) == SendStatus::kSent);
  }
  void violated(const std::string& what) override { violations_.push_back(what); }
  void noted(std::string /*note*/) override { FAIL("a classic worker has no notes"); }

  Fd null_{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  UnreadDatagrams unread_;
  Channel ours_;
  Fd worker_;
  Datagram datagram_;
  std::vector<Event> told_;
  std::vector<std::string> violations_;
  std::uint64_t next_ = 0;
  std::optional<ClassicDialect> dialect_;
};

TEST_SUITE_BEGIN("classic dialect");

TEST_CASE("a classic worker is ready with one slot as soon as it exists") {
  Spoken spoken;
  spoken.dialect().begin();
  REQUIRE(spoken.all_of<event::WorkerReady>().size() == 1);
  CHECK(spoken.all_of<event::WorkerReady>()[0].slots == 1);
}

TEST_CASE("a connection is a byte with a descriptor, begun when it is sent and done with the next int") {
  Spoken spoken;
  REQUIRE(spoken.send(7) == SendStatus::kSent);
  CHECK(spoken.all_of<event::WorkerBusy>().size() == 1);
  spoken.take();
  CHECK_FALSE(spoken.hear());
  spoken.write(-5);
  CHECK(spoken.hear());
  CHECK(spoken.idle() == std::vector<std::uint64_t>{7});
  CHECK(spoken.violations().empty());
}

TEST_CASE("FAULTS 211: an int that comes in pieces counts when its last byte has come") {
  Spoken spoken;
  REQUIRE(spoken.send(7) == SendStatus::kSent);
  spoken.take();
  const std::int32_t value = 1;
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    CHECK(spoken.idle().empty());
    spoken.write(reinterpret_cast<const char*>(&value) + i, 1);
    CHECK(spoken.hear());
  }
  CHECK(spoken.idle() == std::vector<std::uint64_t>{7});
}

TEST_CASE("FAULTS 211: the pieces of an int before and after an upgrade in place make one int") {
  Spoken before({.wire = Wire::kClassic, .idle_value = 258});
  REQUIRE(before.send(7) == SendStatus::kSent);
  before.take();
  const std::int32_t value = 258;
  before.write(&value, 3);
  CHECK(before.hear());
  Spoken after(before.dialect().state());
  after.write(reinterpret_cast<const char*>(&value) + 3, 1);
  CHECK(after.hear());
  CHECK(after.idle() == std::vector<std::uint64_t>{7});
}

TEST_CASE("with idle_value another int says that the worker still works") {
  Spoken spoken({.wire = Wire::kClassic, .idle_value = 0});
  REQUIRE(spoken.send(7) == SendStatus::kSent);
  spoken.take();
  for (const std::int32_t value : {1, 2, 0}) spoken.write(value);
  CHECK(spoken.hear());
  CHECK(spoken.all_of<event::WorkerProgress>().size() == 2);
  CHECK(spoken.idle() == std::vector<std::uint64_t>{7});
  CHECK(spoken.violations().empty());
}

TEST_CASE("FAULTS 212: an int, or a part of one, without a connection is a violation") {
  Spoken spoken({.wire = Wire::kClassic, .idle_value = 0});
  SUBCASE("before its first connection") { spoken.write(0); }
  SUBCASE("not the idle value") { spoken.write(1); }
  SUBCASE("a part") { spoken.write("", 1); }
  SUBCASE("a second one for the same connection, though it has the next by then") {
    REQUIRE(spoken.send(7) == SendStatus::kSent);
    spoken.take();
    spoken.follow_with(8);
    spoken.write(0);
    SUBCASE("whole") { spoken.write(0); }
    SUBCASE("a part") { spoken.write("", 1); }
  }
  CHECK(spoken.hear());
  CHECK(spoken.violations() == std::vector<std::string>{"an int though it has no connection"});
  for (const std::uint64_t ticket : spoken.idle()) CHECK(ticket == 7);
}

TEST_CASE("FAULTS 213: an int for a connection that is unread is a violation: each eighth is checked") {
  Spoken spoken;
  for (std::uint64_t ticket = 1; ticket <= 9; ++ticket) {
    REQUIRE(spoken.send(ticket) == SendStatus::kSent);
    if (ticket < 9) spoken.take();
    spoken.write(0);
    CHECK(spoken.hear());
  }
  CHECK(spoken.idle().size() == 8);
  CHECK(spoken.violations() ==
        std::vector<std::string>{"the int 0 for a connection that is unread in its channel"});
  CHECK(spoken.dialect().received_none());
}

TEST_CASE("FAULTS 213: after a violation ints mean nothing, though the worker has a connection then") {
  Spoken before;
  for (int i = 0; i < 2; ++i) before.write(0);
  REQUIRE(before.send(7) == SendStatus::kSent);
  CHECK(before.hear());
  before.write(0);
  CHECK(before.hear());
  Spoken after(before.dialect().state());
  after.write(0);
  CHECK(after.hear());
  CHECK(before.violations().size() == 1);
  CHECK(before.idle().empty());
  CHECK(after.idle().empty());
  CHECK(before.dialect().received_none());
}

TEST_CASE("FAULTS 213: a stream that is full of connections is a violation: the worker claims to be done") {
  Spoken spoken;
  REQUIRE(spoken.send(1) == SendStatus::kSent);
  spoken.take();
  spoken.write(0);
  CHECK(spoken.hear());
  SendStatus status = SendStatus::kSent;
  for (std::uint64_t ticket = 2; status == SendStatus::kSent && ticket < 100; ++ticket)
    status = spoken.send(ticket);
  CHECK(status == SendStatus::kFull);
  CHECK(spoken.violations() == std::vector<std::string>{"ints for connections that it has not received"});
}

TEST_CASE("FAULTS 210: the kernel tells whether a worker that is gone has received its connection") {
  bool received = false;
  SUBCASE("it has") { received = true; }
  SUBCASE("it has not") {}
  for (const bool leaves_holder : {false, true}) {  // a process that holds the channel
    CAPTURE(leaves_holder);
    Spoken spoken;
    CHECK_FALSE(spoken.dialect().received_none());
    REQUIRE(spoken.send(7) == SendStatus::kSent);
    if (received) spoken.take();
    if (!leaves_holder) spoken.end();
    CHECK_FALSE(spoken.hear());
    CHECK(spoken.dialect().received_none() == !received);
  }
}

TEST_CASE("FAULTS 210: what the kernel has told stays known through an upgrade in place") {
  Spoken before;
  REQUIRE(before.send(7) == SendStatus::kSent);
  before.end();
  CHECK_FALSE(before.hear());
  Spoken after(before.dialect().state());
  CHECK(after.dialect().received_none());
}

TEST_CASE("a worker that shall finish reads its connection, and then the end; its int is still heard") {
  Spoken spoken;
  REQUIRE(spoken.send(7) == SendStatus::kSent);
  spoken.dialect().drain();
  spoken.take();
  char byte = 1;
  CHECK(::read(spoken.worker().get(), &byte, 1) == 0);
  spoken.write(0);
  CHECK(spoken.hear());
  CHECK(spoken.idle() == std::vector<std::uint64_t>{7});
}

TEST_CASE("the first byte of a forked worker only introduces it") {
  Spoken spoken;
  spoken.write("", 1);
  CHECK(spoken.hear(/*introduces=*/true));
  CHECK(spoken.told() == 0);
  CHECK(spoken.violations().empty());
}

TEST_CASE("FAULTS 214: a byte that is sent as urgent data is a byte like any other") {
  Spoken spoken;
  REQUIRE(spoken.send(7) == SendStatus::kSent);
  spoken.take();
  const std::int32_t value = 0;
  if (::send(spoken.worker().get(), &value, sizeof(value), MSG_OOB | MSG_NOSIGNAL) < 0) {
    WARN(errno == EOPNOTSUPP);  // a kernel without CONFIG_AF_UNIX_OOB
    return;
  }
  while (spoken.hear()) {
  }
  CHECK(spoken.idle() == std::vector<std::uint64_t>{7});
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
