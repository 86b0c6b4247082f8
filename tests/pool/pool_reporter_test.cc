// The wording of the pool's log lines, each once, and the events that go with them. What describe() says is
// for tests/control/describe_test.cc.
#include "supervisor/pool/pool_reporter.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proto/fd.h"
#include "supervisor/control/describe.h"
#include "supervisor/system/socket.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

struct Events : EventSink {
  void publish(ControlEvent event) override { published.push_back(std::move(event)); }
  std::vector<ControlEvent> published;
};

struct IgnoredWorkerEvents : WorkerProcess::Owner {
  void tell(const Event& /*event*/) override {}
  void has_process(const WorkerProcess& /*worker*/) override {}
};

/// A reporter of the pool "web", and what it has said.
class Reports {
 public:
  Reports() : Reports(make_pipe()) {}

  template <typename Report>
  void report(const Report& report) const {
    reporter_.report(report);
  }
  /// The lines since the last call, without their time.
  [[nodiscard]] Lines lines() const {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::read(out_.get(), buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(size));
    Lines lines;
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      lines.push_back(text.substr(0, end).substr(text.find(' ') + 1));
    return lines;
  }
  /// The only event since the last call.
  template <typename Event>
  [[nodiscard]] Event event() {
    REQUIRE(events_.published.size() == 1);
    REQUIRE(std::holds_alternative<Event>(events_.published.front()));
    Event event = std::get<Event>(events_.published.front());
    events_.published.clear();
    return event;
  }
  [[nodiscard]] bool no_event() const { return events_.published.empty(); }
  void use_json() { log_.set_format(LogFormat::kJson); }
  [[nodiscard]] const PoolReporter& reporter() const { return reporter_; }
  [[nodiscard]] WorkerId add(WorkerRole role) { return workers_.add(role, 1, Instant{}).id; }
  /// `pid`: 0: the spawner has not answered.
  void add_process(WorkerId worker, pid_t pid) {
    WorkerProcessState state;
    state.id = worker;
    state.pid = pid;
    state.listened_to = false;
    processes_.add(std::make_unique<WorkerProcess>(services_, worker_events_, state));
  }

 private:
  explicit Reports(std::pair<Fd, Fd> pipe)
      : out_(std::move(pipe.first)), in_(std::move(pipe.second)), log_(in_.get()) {
    log_.set_level(LogLevel::kDebug);
  }
  static std::pair<Fd, Fd> make_pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    return {Fd(ends[0]), Fd(ends[1])};
  }

  Fd out_;
  Fd in_;
  Log log_;
  Events events_;
  WorkerTable workers_;
  Loop loop_;
  ClientDescriptors descriptors_;
  SpawnerLink spawner_{loop_, log_, descriptors_, SpawnerProcess{}, rlimit{}};
  OomCounter oom_{""};
  Datagram datagram_;
  ChildTable children_;
  SharedTurns output_{loop_};
  SharedTurns deaths_{loop_};
  Closer closer_{loop_, log_};
  std::size_t output_line_max_ = 8192;
  WorkerProcess::Services services_{loop_,   log_,    spawner_, oom_,  datagram_,       children_,
                                    output_, deaths_, closer_,  "web", output_line_max_};
  IgnoredWorkerEvents worker_events_;
  ProcessTable processes_;
  PoolReporter reporter_{"web", log_, events_, {workers_, processes_}};
};

DeathRecord crash(WorkerRole role = WorkerRole::kWorker) {
  DeathRecord record;
  record.worker = WorkerId::make(9, 0);
  record.role = role;
  record.exit = Exit{Exit::Kind::kSignaled, SIGSEGV};
  record.was_ready = true;
  record.age = milliseconds(1500);
  record.served = 12;
  return record;
}

TEST_CASE("a death that is a failure is a warning, one that was planned is only for debugging") {
  Reports pool;
  pool.report(action::ReportDeath{crash()});
  CHECK(pool.lines() == Lines{"warning pool web: worker 9 died: " + describe(crash())});
  CHECK(pool.event<control_event::WorkerDied>().text == describe(crash()));
  DeathRecord planned = crash();
  planned.exit = Exit{Exit::Kind::kExited, 0};
  planned.reason = StopReason::kResize;
  pool.report(action::ReportDeath{planned});
  CHECK(pool.lines() == Lines{"debug   pool web: worker 9 exited: " + describe(planned)});
  CHECK_FALSE(pool.event<control_event::WorkerDied>().record.is_failure());
}

TEST_CASE("a template is called a template") {
  Reports pool;
  pool.report(action::ReportDeath{crash(WorkerRole::kTemplate)});
  CHECK(pool.lines() ==
        Lines{"warning pool web: template 9 died: " + describe(crash(WorkerRole::kTemplate))});
}

TEST_CASE("a worker that is ready is only for debugging, as is a size that follows the load") {
  Reports pool;
  const WorkerId worker = pool.add(WorkerRole::kWorker);
  pool.report(action::ReportReady{worker, milliseconds(12)});
  CHECK(pool.lines() == Lines{"debug   pool web: worker 1 is ready after 12.0 ms"});
  CHECK(pool.event<control_event::WorkerReady>().worker == 1);
  pool.report(action::ReportSize{5, 3});
  CHECK(pool.lines() == Lines{"debug   pool web: 5 workers wanted, 3 before"});
  CHECK(pool.no_event());
}

TEST_CASE("new workers that die are an error with the time of the next attempt, and the end of it is told") {
  Reports pool;
  pool.report(action::ReportStarts{2, milliseconds(200)});
  CHECK(
      pool.lines() ==
      Lines{
          "error   pool web: new workers die before they are of use, 2 in a row; next attempt in 200.0 ms"});
  CHECK(pool.event<control_event::PoolFailed>().failures == 2);
  pool.report(action::ReportStarts{0, {}});
  CHECK(pool.lines() == Lines{"info    pool web: new workers are of use again"});
  CHECK(pool.event<control_event::PoolRecovered>().pool == "web");
}

TEST_CASE("a violation is an error that says what was sent") {
  Reports pool;
  const action::ReportViolation violation{.worker = pool.add(WorkerRole::kWorker),
                                          .violation = {Violation::What::kUnknownTicket, 17}};
  pool.report(violation);
  CHECK(pool.lines() == Lines{"error   pool web: worker 1 broke the protocol and is killed: it sent " +
                              describe(violation.violation)});
}

TEST_CASE("each stage of a rollout is told, and its failure is an error with the reason") {
  using Stage = action::ReportRollout::Stage;
  Reports pool;
  pool.report(action::ReportRollout{Stage::kTrial, 2, {}});
  CHECK(pool.lines() == Lines{"info    pool web: rollout: the first worker of generation 2 is on trial"});
  CHECK(pool.event<control_event::RolloutStaged>().stage == Stage::kTrial);
  pool.report(action::ReportRollout{Stage::kTakesOver, 2, {}});
  CHECK(pool.lines() == Lines{"info    pool web: rollout: generation 2 takes over"});
  CHECK(pool.event<control_event::RolloutStaged>().generation == 2);
  pool.report(action::ReportRollout{Stage::kFailed, 2, crash()});
  CHECK(pool.lines() == Lines{"error   pool web: rollout failed, the workers that serve stay as they are: "
                              "the first worker of generation 2 died: " +
                              describe(crash())});
  CHECK(pool.event<control_event::RolloutStaged>().text == describe(crash()));
  pool.report(action::ReportRollout{Stage::kAbandoned, 2, {}});
  CHECK(pool.lines() == Lines{"info    pool web: rollout: the trial of generation 2 is abandoned"});
  CHECK(pool.event<control_event::RolloutStaged>().stage == Stage::kAbandoned);
}

TEST_CASE("a generation without a trial says so, and its events tell whether its workers start") {
  using Stage = action::ReportRollout::Stage;
  Reports pool;
  pool.report(action::ReportRollout{Stage::kStarts, 2, {}});
  CHECK(pool.lines() == Lines{"info    pool web: rollout: generation 2 starts without a trial"});
  CHECK(pool.event<control_event::RolloutStaged>().stage == Stage::kStarts);
  pool.report(action::ReportRollout{Stage::kDoesNotStart, 2, crash()});
  CHECK(pool.lines().empty());  // the death has its own line
  CHECK(pool.event<control_event::RolloutStaged>().text == describe(crash()));
  pool.report(action::ReportRollout{Stage::kServes, 2, {}});
  CHECK(pool.lines() == Lines{"debug   pool web: generation 2 serves"});
  CHECK(pool.event<control_event::RolloutStaged>().generation == 2);
}

TEST_CASE("each line about a rollout has the pool as a member in the JSON log") {
  using Stage = action::ReportRollout::Stage;
  Reports pool;
  pool.use_json();
  for (const Stage stage : {Stage::kTrial, Stage::kTakesOver, Stage::kFailed, Stage::kAbandoned,
                            Stage::kStarts, Stage::kServes}) {
    pool.report(action::ReportRollout{stage, 2, {}});
  }
  const Lines lines = pool.lines();
  CHECK(lines.size() == 6);
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(line.ends_with(R"("pool":"web"})"));
  }
}

TEST_CASE("a worker that survives SIGKILL is an error that says whether another worker replaces it") {
  Reports pool;
  const WorkerId worker = pool.add(WorkerRole::kWorker);
  pool.add_process(worker, 4711);
  pool.report(action::ReportStuck{worker, true});
  pool.report(action::ReportStuck{worker, false});
  const std::string hangs =
      "error   pool web: worker 1 (pid 4711) survives SIGKILL: it hangs in the kernel; ";
  CHECK(pool.lines() ==
        Lines{hangs + "another worker replaces it", hangs + "too many workers hang to replace it"});
}

TEST_CASE("FAULTS 495: a worker that is stopped is a warning, and its going on a line") {
  Reports pool;
  const WorkerId worker = pool.add(WorkerRole::kWorker);
  pool.add_process(worker, 4711);
  pool.report(action::ReportStopped{worker, true});
  pool.report(action::ReportStopped{worker, false});
  CHECK(pool.lines() ==
        Lines{"warning pool web: worker 1 (pid 4711) is stopped by a signal such as SIGSTOP: it gets "
              "nothing until SIGCONT continues it",
              "info    pool web: worker 1 (pid 4711) goes on"});
}

TEST_CASE("a worker that never got a process is not said to survive SIGKILL") {
  Reports pool;
  const WorkerId worker = pool.add(WorkerRole::kWorker);
  pool.add_process(worker, 0);
  pool.report(action::ReportStuck{worker, true});
  CHECK(pool.lines() == Lines{"error   pool web: worker 1 has no process: the spawner does not answer; "
                              "another worker replaces it"});
}

TEST_CASE("a connection that is given up is an error that names its client") {
  Reports pool;
  pool.reporter().gave_up("192.0.2.7:50000", 3);
  CHECK(pool.lines() == Lines{"error   pool web: a connection from 192.0.2.7:50000 came back from workers 3 "
                              "times and is closed: it may be what kills them"});
}

TEST_CASE("a worker that blocks a socket is an error that names the worker and the connection") {
  Reports pool;
  const WorkerId worker = pool.add(WorkerRole::kWorker);
  const Ticket ticket = Ticket::make(17, 3);
  pool.report(action::ReportSocketBlocked{worker, ticket, true});
  pool.report(action::ReportSocketBlocked{worker, ticket, false});
  const std::string call =
      ": a call on the socket of connection 17 has waited for a second for the lock of the socket";
  CHECK(pool.lines() == Lines{"error   pool web: worker 1 is killed" + call,
                              "error   pool web: worker 1 has left a process that blocks a socket" + call});
}

TEST_CASE("a new generation is told with its command, and then that all its workers are ready") {
  Reports pool;
  Launch launch;
  launch.executable = "/srv/app";
  launch.argv = {"app", "--name", "a \"b\"\n"};
  pool.reporter().begins(2, launch);
  pool.report(action::ReportAllReady{4});
  pool.report(action::ReportAllReady{1});
  launch.argv[1] = std::string(3000, 'x');
  CHECK(pool.lines() == Lines{R"(info    pool web: generation 2 starts ["/srv/app","--name","a \"b\"\n"])",
                              "info    pool web: all 4 workers are ready",
                              "info    pool web: its worker is ready"});
  pool.reporter().begins(3, launch);
  const Lines cut = pool.lines();
  REQUIRE(cut.size() == 1);
  CHECK(cut[0].size() < 600);
  CHECK(cut[0].ends_with("xxx…"));
}

TEST_CASE("a redispatch and saturation are events without a line") {
  Reports pool;
  pool.report(action::ReportRedispatched{WorkerId::make(9, 0), Ticket{}, 2});
  CHECK(pool.event<control_event::ConnectionRedispatched>().times == 2);
  pool.report(action::ReportSaturation{true, 5});
  CHECK(pool.event<control_event::SaturationChanged>().queued == 5);
  CHECK(pool.lines().empty());
}

TEST_CASE("FAULTS 167: the event of a pool that has stopped says what was cut") {
  Reports pool;
  pool.report(action::Stopped{{.lost = 2, .discarded = 1}, 2});
  const auto stopped = pool.event<control_event::PoolStopped>();
  CHECK(stopped.cut == 3);
  CHECK(stopped.killed == 2);
  CHECK(stopped.text.starts_with("stopped; 3 connections were cut: "));
}

TEST_CASE("FAULTS 141: a pool that has stopped says what was cut, and how much") {
  Reports pool;
  pool.report(action::Stopped{});
  pool.report(action::Stopped{{}, 1});
  pool.report(action::Stopped{{.lost = 2, .discarded = 1}, 2});
  pool.report(action::Stopped{{.gave_up = 1, .rejected = 2, .expired = 3}, 0});
  CHECK(pool.lines() ==
        Lines{"info    pool web: stopped", "info    pool web: stopped; 1 worker was killed",
              "warning pool web: stopped; 3 connections were cut: 2 had been begun (lost), 1 was queued "
              "(discarded); 2 workers were killed",
              "warning pool web: stopped; 6 connections were cut: 3 waited too long (expired), 2 found the "
              "queue full (rejected), 1 came back too often (gave_up)"});
}

}  // namespace
}  // namespace prefork
