// The workers of one pool: what each of the core's actions sends to a worker, a template or the spawner.
#include "supervisor/pool/pool_workers.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/system/clock.h"
#include "tests/config/temp_directory.h"
#include "tests/proto/channel_pair.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/eventually.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;
using Cause = event::DispatchFailed::Cause;

const WorkerId kWorker = WorkerId::make(1, 0);
const WorkerId kTemplate = WorkerId::make(2, 1);
constexpr std::uint64_t kSpawnerKey = 7;

PoolSettings settings() {
  PoolSettings settings;
  settings.slots = 1;
  return settings;
}

Fd copy_of(int descriptor) { return Fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

action::StartWorker start_of(WorkerId worker, WorkerId from = {}) {
  action::StartWorker start;
  start.worker = worker;
  start.from = from;
  return start;
}

action::Dispatch dispatch_of(Ticket ticket) {
  action::Dispatch dispatch;
  dispatch.worker = kWorker;
  dispatch.ticket = ticket;
  return dispatch;
}

/// The workers of a pool with a spawner that does not answer. The test has the workers' ends of the channels.
class Workers final : private CoreEventSink, private EventSink {
  TempDirectory directory_;
  Loop loop_;
  Fd null_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  Log log_{null_.get()};
  ClientDescriptors client_descriptors_;
  OomCounter oom_{directory_.file("memory.events", "oom_kill 0\n")};
  Datagram datagram_;
  ChildTable children_;
  SharedTurns output_{loop_};
  SharedTurns deaths_{loop_};
  Closer closer_{loop_, log_};
  Pool core_{settings(), 1, current_time()};
  ProcessTable processes_;

 public:
  SpawnerLink spawner{loop_, log_, client_descriptors_, SpawnerProcess{}, rlimit{}};

 private:
  std::size_t output_line_max_ = 8192;
  WorkerProcess::Services process_services_{loop_,   log_,    spawner, oom_,  datagram_,       children_,
                                            output_, deaths_, closer_, "web", output_line_max_};
  PoolReporter reporter_{"web", log_, *this, {core_.workers(), processes_}};

 public:
  PoolWorkers workers{SharedServices{loop_,
                                     log_,
                                     spawner,
                                     client_descriptors_,
                                     datagram_,
                                     *this,
                                     oom_,
                                     children_,
                                     output_,
                                     deaths_,
                                     closer_,
                                     {}},
                      {core_, process_services_, processes_, reporter_, *this},
                      kSpawnerKey};

  Workers() { workers.add_generation(0, Launches{}); }

  /// Starts the worker. Returns its end of the channel, from the request to the spawner.
  Channel start(WorkerId worker) {
    workers.perform(start_of(worker));
    const auto waiting = spawner.state().waiting;
    REQUIRE_FALSE(waiting.empty());
    CHECK(waiting.back().pool == kSpawnerKey);
    CHECK(waiting.back().worker == worker.value);
    return Channel(copy_of(static_cast<int>(waiting.back().channel)));
  }
  /// The only event that was told, which must be of this kind.
  template <typename Specific>
  Specific told() {
    REQUIRE(events_.size() == 1);
    const Event event = events_.front();
    events_.clear();
    REQUIRE(std::holds_alternative<Specific>(event));
    return std::get<Specific>(event);
  }
  void settle() { REQUIRE(closer_.settle(kPatience)); }
  [[nodiscard]] bool silent() const { return events_.empty(); }
  [[nodiscard]] bool has_process(WorkerId worker) const { return processes_.find(worker) != nullptr; }

 private:
  void tell(const Event& event) override { events_.push_back(event); }
  void publish(ControlEvent /*event*/) override {}

  std::vector<Event> events_;
};

RecordKind only_kind(Channel& channel) {
  const Received received(channel);
  REQUIRE(received.records.size() == 1);
  return received.records[0].kind;
}

TEST_CASE("drain, ping and yield are records to the worker") {
  Workers pool;
  Channel channel = pool.start(kWorker);
  pool.workers.perform(action::SendDrain{kWorker});
  CHECK(only_kind(channel) == RecordKind::kDrain);
  pool.workers.perform(action::SendPing{kWorker});
  CHECK(only_kind(channel) == RecordKind::kPing);
  pool.workers.perform(action::SendYield{kWorker});
  CHECK(only_kind(channel) == RecordKind::kYield);
  CHECK(pool.silent());
}

TEST_CASE("actions on a worker that is gone do nothing") {
  Workers pool;
  pool.workers.perform(action::SendDrain{kWorker});
  pool.workers.perform(action::SendPing{kWorker});
  pool.workers.perform(action::SendYield{kWorker});
  pool.workers.perform(action::SignalWorker{kWorker});
  pool.workers.perform(action::Measure{kWorker});
  pool.workers.perform(action::ForgetWorker{kWorker});
  CHECK(pool.silent());
}

TEST_CASE("a connection is sent with its socket and all that the worker has to know of it") {
  Workers pool;
  Channel channel = pool.start(kWorker);
  TcpPair pair = tcp_pair();
  action::Dispatch dispatch = dispatch_of(Ticket{17});
  dispatch.listener = 2;
  dispatch.waited = std::chrono::microseconds(1500);
  dispatch.may_park = true;
  dispatch.last = true;
  pool.workers.send(dispatch, pair.server);
  Received received(channel);
  REQUIRE(received.records.size() == 1);
  const Record record = received.records[0];
  CHECK(record.kind == RecordKind::kConnection);
  CHECK(record.ticket == 17);
  CHECK(record.value == 2);
  CHECK(record.wait_us == 1500);
  CHECK(record.flags == (kMayPark | kLastRequest));
  const Fd socket = received.datagram->take_descriptor();
  REQUIRE(socket.valid());
  send_all(socket, "welcome");
  await_unread(pair.client, 7);
  CHECK(pair.server.valid());
  CHECK(pool.silent());
}

TEST_CASE("a connection that cannot be sent comes back with the cause") {
  Workers pool;
  TcpPair pair = tcp_pair();
  std::optional<Channel> channel;
  Cause cause = Cause::kWorkerGone;
  SUBCASE("the worker is unknown") {}
  SUBCASE("the worker has closed its channel") {
    channel = pool.start(kWorker);
    REQUIRE(::shutdown(channel->descriptor(), SHUT_RD) == 0);
  }
  SUBCASE("the socket cannot be sent") {
    channel = pool.start(kWorker);
    cause = Cause::kBadConnection;
    pair.server.reset(1'000'000);
  }
  SUBCASE("the worker does not read") {
    channel = pool.start(kWorker);
    cause = Cause::kWorkerFull;
    // The buffer holds little more than one connection for the only slot.
    for (int sent = 0; pool.silent() && sent < 100; ++sent)
      pool.workers.send(dispatch_of(Ticket{1}), pair.server);
    CHECK(pool.told<event::DispatchFailed>().cause == cause);
  }
  pool.workers.send(dispatch_of(Ticket{17}), pair.server);
  const auto failed = pool.told<event::DispatchFailed>();
  CHECK(failed.worker == kWorker);
  CHECK(failed.ticket == Ticket{17});
  CHECK(failed.cause == cause);
  if (cause == Cause::kBadConnection) (void)pair.server.release();
}

TEST_CASE("a template is asked to fork a worker, and the other end of the new channel is that worker's") {
  Workers pool;
  Channel to_template = pool.start(kTemplate);
  pool.workers.perform(start_of(kWorker, kTemplate));
  Received received(to_template);
  REQUIRE(received.records.size() == 1);
  CHECK(received.records[0].kind == RecordKind::kFork);
  Channel channel(received.datagram->take_descriptor());
  pool.workers.perform(action::SendPing{kWorker});
  CHECK(only_kind(channel) == RecordKind::kPing);
  CHECK(pool.spawner.state().waiting.size() == 1);
}

TEST_CASE("a worker whose template is gone was not started") {
  Workers pool;
  pool.workers.perform(start_of(kWorker, kTemplate));
  const auto exited = pool.told<event::WorkerExited>();
  CHECK(exited.worker == kWorker);
  CHECK(exited.exit.kind == Exit::Kind::kNotStarted);
}

TEST_CASE("a forgotten worker is sent nothing, and is destroyed later, outside of its own callbacks") {
  Workers pool;
  const std::size_t before = open_descriptors();
  const Channel channel = pool.start(kWorker);
  pool.workers.perform(action::ForgetWorker{kWorker});
  CHECK_FALSE(pool.has_process(kWorker));
  CHECK(open_descriptors() == before + 3);  // both ends of the channel, and the test's copy of one
  pool.workers.destroy_forgotten();
  pool.settle();
  CHECK(open_descriptors() == before + 2);
  TcpPair pair = tcp_pair();
  pool.workers.send(dispatch_of(Ticket{1}), pair.server);
  CHECK(pool.told<event::DispatchFailed>().cause == Cause::kWorkerGone);
}

TEST_CASE("after an upgrade in place a worker has the same channel, and a fork that waits is sent") {
  Workers before;
  Channel to_template = before.start(kTemplate);
  // Without room at the template the request for a fork waits.
  TcpPair pair = tcp_pair();
  action::Dispatch filler = dispatch_of(Ticket{1});
  filler.worker = kTemplate;
  int sent = 0;
  for (; before.silent() && sent < 100; ++sent) before.workers.send(filler, pair.server);
  (void)before.told<event::DispatchFailed>();
  before.workers.perform(start_of(kWorker, kTemplate));
  CHECK(before.silent());
  PoolState state;
  before.workers.write_state(state);
  CHECK(state.spawner_key == kSpawnerKey);
  REQUIRE(state.forks.size() == 1);
  REQUIRE(state.workers.size() == 2);
  REQUIRE(state.launches.size() == 1);
  // Both pools are in this process: the second one gets descriptors of its own.
  state.forks[0].channel = Carried{copy_of(static_cast<int>(state.forks[0].channel)).release()};
  for (WorkerProcessState& worker : state.workers)
    worker.channel = Carried{copy_of(static_cast<int>(worker.channel)).release()};

  Workers after;
  after.workers.adopt(state, Launches{});
  CHECK(after.has_process(kWorker));
  for (int i = 0; i < sent - 1; ++i) CHECK(only_kind(to_template) == RecordKind::kConnection);
  after.workers.resume();
  CHECK(only_kind(to_template) == RecordKind::kFork);
  CHECK(after.silent());
}

}  // namespace
}  // namespace prefork
