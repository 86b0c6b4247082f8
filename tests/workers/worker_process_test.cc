// A worker's process, seen by the supervisor: the test has its end of the channel, a real process the other.
#include "supervisor/workers/worker_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/system/client_descriptors.h"
#include "tests/config/temp_directory.h"
#include "tests/proto/channel_pair.h"
#include "tests/support/eventually.h"
#include "tests/support/traps.h"

namespace prefork {
namespace {

using test::eventually;
using test::send_raw;
using Signal = action::SignalWorker::Signal;

struct SleepingChild {
  SleepingChild() : pid(::fork()) {
    if (pid == 0) {
      for (;;) ::pause();
    }
  }
  ~SleepingChild() {
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
  }
  SleepingChild(const SleepingChild&) = delete;
  SleepingChild& operator=(const SleepingChild&) = delete;

  pid_t pid;
};

Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

void send(Channel& channel, RecordKind kind, std::uint64_t ticket = 0) {
  (void)channel.send(Record{.kind = kind, .ticket = ticket});  // the test waits for what it tells
}

/// A worker, what it has told, and the process at the other end of its channel.
class Watched final : private WorkerProcess::Owner {
 public:
  explicit Watched(SpawnerProcess spawner = {})
      : spawner_(loop_, log_, clients_, std::move(spawner), rlimit{}) {}
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() override {
    if (child_ <= 0) return;
    (void)::kill(child_, SIGKILL);
    (void)::waitpid(child_, nullptr, 0);
  }

  /// The worker that the spawner, or a template, is asked for.
  void ask_spawner() { make(false); }
  void ask_template() { make(true); }
  /// The worker that an upgrade in place finds in `state`, with the process and the channel of this test.
  void adopt(WorkerProcessState state) {
    state.id = WorkerId::make(1, 0);
    state.channel = Carried{ends_.supervisor.release().release()};
    state.pidfd = Carried{open_pidfd(child_).release()};
    state.pid = child_;
    worker_ = std::make_unique<WorkerProcess>(services_, static_cast<WorkerProcess::Owner&>(*this), state);
  }

  /// A process that does `deeds` with the worker's end of the channel, and waits for a signal then.
  template <typename Deeds>
  pid_t fork_process(Deeds deeds) {
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      if (worker_) (void)::close(static_cast<int>(worker_->state().channel));
      ends_.supervisor.close();
      deeds(ends_.worker);
      for (;;) (void)::pause();
    }
    ends_.worker.close();
    return child_;
  }
  void started() { worker_->started(child_, open_pidfd(child_)); }
  /// All of it: a worker that the spawner has started.
  template <typename Deeds>
  void run(Deeds deeds) {
    ask_spawner();
    fork_process(deeds);
    started();
  }
  /// Returns when the process has ended. The worker has noticed nothing of it yet.
  void await_death() const {
    const Fd pidfd = open_pidfd(child_);
    pollfd state{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&state, 1, 20'000) == 1);
  }

  template <typename T>
  [[nodiscard]] std::size_t position_of() const {
    std::size_t at = 0;
    while (at < told_.size() && !std::holds_alternative<T>(told_[at])) ++at;
    return at;
  }
  template <typename T>
  [[nodiscard]] bool has_told() const {
    return position_of<T>() < told_.size();
  }
  template <typename T>
  [[nodiscard]] std::vector<T> all_of() const {
    std::vector<T> all;
    for (const Event& event : told_) {
      if (const T* wanted = std::get_if<T>(&event)) all.push_back(*wanted);
    }
    return all;
  }
  template <typename T>
  T await() {
    eventually("the event is told", [this] {
      loop_.run_once();
      return has_told<T>();
    });
    return std::get<T>(told_[position_of<T>()]);
  }
  void await_note(const std::string& note) {
    eventually("it notes " + note, [&] {
      loop_.run_once();
      return worker_->note() == note;
    });
  }
  void check_exit(Exit::Kind kind, int value) {
    const Exit exit = await<event::WorkerExited>().exit;
    CHECK(exit.kind == kind);
    CHECK(exit.value == value);
    CHECK(position_of<event::WorkerExited>() + 1 == told_.size());
  }

  [[nodiscard]] WorkerProcess& worker() { return *worker_; }
  void forget() { worker_.reset(); }
  [[nodiscard]] pid_t child() const { return child_; }
  [[nodiscard]] Channel& other_end() { return ends_.worker; }
  [[nodiscard]] std::size_t told() const { return told_.size(); }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] pid_t process_known() const { return process_known_; }
  void count_oom_kill() { (void)directory_.file("memory.events", "oom_kill 1\n"); }
  void run_once() { loop_.run_once(); }
  [[nodiscard]] SpawnerLink& spawner() { return spawner_; }
  [[nodiscard]] const WorkerProcess::Services& services() const { return services_; }
  /// Runs until the Closer has nothing more to do.
  void settle() {
    eventually("all is closed", [this] {
      loop_.run_once();
      return closer_.idle();
    });
  }

 private:
  void tell(const Event& event) override { told_.push_back(event); }
  void has_process(const WorkerProcess& worker) override { process_known_ = worker.pid(); }
  void broke_protocol(const WorkerProcess& /*worker*/, const std::string& what) override {
    violations_.push_back(what);
  }
  void make(bool forked) {
    worker_ = std::make_unique<WorkerProcess>(services_, static_cast<WorkerProcess::Owner&>(*this),
                                              WorkerId::make(1, 0), std::move(ends_.supervisor), forked);
  }

  TempDirectory directory_;
  Loop loop_;
  Fd null_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  Log log_{null_.get()};
  ClientDescriptors clients_;
  SpawnerLink spawner_;
  OomCounter oom_{directory_.file("memory.events", "oom_kill 0\n")};
  Datagram datagram_;
  Closer closer_{loop_, log_};
  std::size_t output_line_max_ = 8192;
  WorkerProcess::Services services_{loop_, log_, spawner_, oom_, datagram_, closer_, "web", output_line_max_};
  test::ChannelPair ends_;
  pid_t child_ = 0;
  pid_t process_known_ = 0;
  std::vector<Event> told_;
  std::vector<std::string> violations_;
  std::unique_ptr<WorkerProcess> worker_;
};

void do_nothing(Channel& /*channel*/) {}

TEST_CASE("a worker that the spawner has started has a pid, and its records are told") {
  Watched watched;
  watched.run([](Channel& channel) {
    (void)channel.send(Record{.kind = RecordKind::kReady, .value = 1, .ticket = 3});
    send(channel, RecordKind::kBusy, 17);
  });
  CHECK(watched.worker().pid() == watched.child());
  CHECK(watched.process_known() == watched.child());
  const auto ready = watched.await<event::WorkerReady>();
  CHECK_FALSE(ready.foreign_version.has_value());
  CHECK(ready.slots == 3);
  CHECK(watched.await<event::WorkerBusy>().ticket == Ticket{17});
}

/// Another worker of the same pool, which the spawner has not answered for.
class Neighbour final : public SpawnerLink::Requester, private WorkerProcess::Owner {
 public:
  Neighbour(const WorkerProcess::Services& services, SpawnerLink& spawner)
      : worker_(services, *this, WorkerId::make(2, 1), std::move(ends_.supervisor), false) {
    (void)spawner.add(*this, 1);
  }
  [[nodiscard]] Channel& other_end() { return ends_.worker; }
  [[nodiscard]] const std::vector<Event>& told() const { return told_; }

 private:
  void tell(const Event& event) override { told_.push_back(event); }
  void has_process(const WorkerProcess& /*worker*/) override {}
  void broke_protocol(const WorkerProcess& /*worker*/, const std::string& /*what*/) override {}
  void started(std::uint64_t /*worker*/, pid_t pid, Fd pidfd) override {
    worker_.started(pid, std::move(pidfd));
  }
  void not_started(std::uint64_t /*worker*/, const LaunchReply& /*reply*/) override {}
  void start_failed(std::uint64_t /*worker*/, const LaunchReply& /*reply*/) override {}

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
  for (int i = 0; i < 3; ++i) REQUIRE(watched.worker().send(Record{}) == SendStatus::kSent);
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

TEST_CASE("a worker that a template has forked introduces itself with its first datagram") {
  Watched watched;
  watched.ask_template();
  CHECK(watched.worker().awaits_identity());
  CHECK(watched.worker().pid() == 0);
  watched.fork_process([](Channel& channel) {
    (void)channel.send(encode_note("forked"));
    (void)channel.send(encode_note("at work"));
  });
  watched.await<event::WorkerIntroduced>();
  CHECK(watched.worker().pid() == watched.child());
  CHECK(watched.process_known() == watched.child());
  CHECK_FALSE(watched.worker().awaits_identity());
  CHECK(watched.worker().note() == "");  // the first one only carries the credentials
  watched.await_note("at work");
  watched.worker().signal(Signal::kKill);
  watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
}

TEST_CASE("a forked worker whose channel ends before it introduces itself has vanished") {
  Watched watched;
  watched.ask_template();
  watched.other_end().close();
  watched.check_exit(Exit::Kind::kVanished, 0);
  CHECK_FALSE(watched.worker().awaits_identity());
}

TEST_CASE("a signal to a forked worker that has not introduced itself closes its channel") {
  Watched watched;
  watched.ask_template();
  watched.worker().signal(Signal::kTerminate);
  watched.check_exit(Exit::Kind::kVanished, 0);
  watched.settle();
  Datagram datagram;
  CHECK(watched.other_end().receive(datagram) == ReceiveStatus::kEnd);
  watched.worker().signal(Signal::kKill);
  CHECK(watched.told() == 1);
}

TEST_CASE("a signal before the pid is known is sent as soon as there is a process") {
  Watched watched;
  watched.ask_spawner();
  watched.fork_process(do_nothing);
  int number = 0;
  SUBCASE("SIGTERM") {
    watched.worker().signal(Signal::kTerminate);
    number = SIGTERM;
  }
  SUBCASE("SIGKILL") {
    watched.worker().signal(Signal::kKill);
    number = SIGKILL;
  }
  watched.run_once();
  CHECK(watched.told() == 0);
  watched.started();
  watched.check_exit(Exit::Kind::kSignaled, number);
}

TEST_CASE("a signal reaches a process that is stopped") {
  Watched watched;
  watched.run(do_nothing);
  REQUIRE(::kill(watched.child(), SIGSTOP) == 0);
  watched.worker().signal(Signal::kTerminate);
  watched.check_exit(Exit::Kind::kSignaled, SIGTERM);
}

TEST_CASE("a worker that could not be started is over at once") {
  Watched watched;
  watched.ask_spawner();
  watched.worker().set_start_error("exec /srv/app: No such file or directory");
  watched.worker().not_started();
  watched.check_exit(Exit::Kind::kNotStarted, 0);
  CHECK(watched.worker().start_error() == "exec /srv/app: No such file or directory");
}

TEST_CASE("a channel that ends before the process dies is told, and is not a death") {
  Watched watched;
  watched.run([](Channel& channel) { channel.close(); });
  watched.await<event::ChannelClosed>();
  watched.run_once();
  CHECK_FALSE(watched.has_told<event::WorkerExited>());
  REQUIRE(::kill(watched.child(), SIGTERM) == 0);
  watched.check_exit(Exit::Kind::kSignaled, SIGTERM);
}

TEST_CASE("the last records of a process that has died are told before its exit") {
  Watched watched;
  watched.run([](Channel& channel) {
    for (std::uint64_t ticket = 1; ticket <= 50; ++ticket) send(channel, RecordKind::kBusy, ticket);
    send(channel, RecordKind::kIdle, 50);
    ::_exit(3);
  });
  watched.await_death();
  watched.check_exit(Exit::Kind::kExited, 3);
  CHECK(watched.position_of<event::WorkerIdle>() == 50);
}

TEST_CASE("a channel that a grandchild holds open does not hide the death of its worker") {
  Watched watched;
  watched.run([](Channel& channel) {
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      for (;;) (void)::pause();
    }
    send(channel, RecordKind::kBusy, static_cast<std::uint64_t>(grandchild));
    ::_exit(0);
  });
  watched.check_exit(Exit::Kind::kExited, 0);
  REQUIRE(watched.has_told<event::WorkerBusy>());
  CHECK_FALSE(watched.has_told<event::ChannelClosed>());
  CHECK(::kill(static_cast<pid_t>(watched.await<event::WorkerBusy>().ticket.value), SIGKILL) == 0);
}

TEST_CASE("whatever no worker may send is a violation, and it is told once") {
  Watched watched;
  watched.ask_spawner();
  Channel& channel = watched.other_end();
  std::string what;
  SUBCASE("a record of the supervisor's") {
    send(channel, RecordKind::kDrain);
    what = "record Drain, which only the supervisor may send";
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

TEST_CASE("SIGKILL by the kernel for want of memory is told from any other") {
  Watched watched;
  watched.run(do_nothing);
  SUBCASE("the kernel has counted a kill, and we sent none") {
    watched.count_oom_kill();
    REQUIRE(::kill(watched.child(), SIGKILL) == 0);
    watched.check_exit(Exit::Kind::kOutOfMemory, SIGKILL);
  }
  SUBCASE("the kernel has counted none") {
    REQUIRE(::kill(watched.child(), SIGKILL) == 0);
    watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
  }
  SUBCASE("we sent it ourselves") {
    watched.count_oom_kill();
    watched.worker().signal(Signal::kKill);
    watched.check_exit(Exit::Kind::kSignaled, SIGKILL);
  }
}

TEST_CASE("a process that still runs is killed when its worker is forgotten") {
  Watched watched;
  watched.run(do_nothing);
  watched.forget();
  watched.await_death();
}

TEST_CASE("each life of a worker is written for an upgrade in place as versions before read it") {
  Watched watched;
  SUBCASE("asked for, with a signal that waits") {
    watched.ask_spawner();
    watched.worker().signal(Signal::kTerminate);
    const WorkerProcessState state = watched.worker().state();
    CHECK(state.pidfd == Carried::kNone);
    CHECK_FALSE(state.awaits_identity);
    CHECK(state.pending_signal == Signal::kTerminate);
  }
  SUBCASE("forked, and not introduced") {
    watched.ask_template();
    CHECK(watched.worker().state().awaits_identity);
    CHECK(watched.worker().state().listened_to);
  }
  SUBCASE("running, and killed") {
    watched.ask_spawner();
    watched.fork_process(do_nothing);
    watched.started();
    CHECK(watched.worker().state().pidfd != Carried::kNone);
    CHECK(watched.worker().state().pid == watched.child());
    CHECK_FALSE(watched.worker().state().kill_sent);
    watched.worker().signal(Signal::kKill);
    CHECK(watched.worker().state().kill_sent);
    CHECK_FALSE(watched.worker().state().awaits_identity);
  }
}

TEST_CASE("a worker that was carried over goes on: its records and its exit are told") {
  Watched watched;
  watched.fork_process([](Channel& channel) { send(channel, RecordKind::kIdle, 5); });
  WorkerProcessState state;
  bool killed = false;
  SUBCASE("running") {}
  SUBCASE("killed, by the program before") {
    state.kill_sent = killed = true;
    watched.count_oom_kill();
  }
  watched.adopt(state);
  CHECK(watched.worker().pid() == watched.child());
  CHECK(watched.await<event::WorkerIdle>().ticket == Ticket{5});
  REQUIRE(::kill(watched.child(), killed ? SIGKILL : SIGTERM) == 0);
  watched.check_exit(Exit::Kind::kSignaled, killed ? SIGKILL : SIGTERM);
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
