// A worker's process for tests: the test has the supervisor's end of the channel, a real process the other.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/system/client_descriptors.h"
#include "supervisor/workers/worker_process.h"
#include "tests/config/temp_directory.h"
#include "tests/proto/channel_pair.h"
#include "tests/support/eventually.h"
#include "tests/workers/told_events.h"

namespace prefork::test {

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

inline Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

inline void send(Channel& channel, RecordKind kind, std::uint64_t ticket = 0) {
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
    return events_of<T>(told_);
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
  /// What it sent that it may not send.
  [[nodiscard]] std::vector<std::string> violations() const {
    std::vector<std::string> all;
    for (const auto& violated : all_of<event::WorkerViolated>()) all.push_back(violated.what);
    return all;
  }
  [[nodiscard]] pid_t process_known() const { return process_known_; }
  void count_oom_kill() { (void)directory_.file("memory.events", "oom_kill 1\n"); }
  void run_once() { loop_.run_once(); }
  [[nodiscard]] SpawnerLink& spawner() { return spawner_; }
  [[nodiscard]] ChildTable& children() { return children_; }
  /// What is done in turns has to wait for a moment.
  void use_up_turns() {
    (void)deaths_.overdrawn();
    deaths_.spent(std::chrono::milliseconds(10));
  }
  void clear_told() { told_.clear(); }
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
  void make(bool forked) {
    worker_ = std::make_unique<WorkerProcess>(services_, static_cast<WorkerProcess::Owner&>(*this),
                                              WorkerId::make(1, 0), std::move(ends_.supervisor),
                                              forked ? WorkerId::make(2, 1) : WorkerId{});
  }

  TempDirectory directory_;
  Loop loop_;
  Fd null_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  Log log_{null_.get()};
  ClientDescriptors clients_;
  SpawnerLink spawner_;
  OomCounter oom_{directory_.file("memory.events", "oom_kill 0\n")};
  Datagram datagram_;
  ChildTable children_;
  SharedTurns output_{loop_};
  SharedTurns deaths_{loop_, /*parts=*/50};
  Closer closer_{loop_, log_};
  std::size_t output_line_max_ = 8192;
  WorkerProcess::Services services_{loop_,   log_,    spawner_, oom_,  datagram_,       children_,
                                    output_, deaths_, closer_,  "web", output_line_max_};
  test::ChannelPair ends_;
  pid_t child_ = 0;
  pid_t process_known_ = 0;
  std::vector<Event> told_;
  std::unique_ptr<WorkerProcess> worker_;
};

inline void do_nothing(Channel& /*channel*/) {}

}  // namespace prefork::test
