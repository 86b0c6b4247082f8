// The Closer: whatever others do to a socket, the loop does not wait for it, and other sockets do not either.
#include "supervisor/clients/closer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "supervisor/system/clock.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_lock.h"
#include "tests/support/sockets.h"
#include "tests/support/traps.h"

namespace {
bool no_descriptor_is_free = false;
}

// In the place of libc's.
extern "C" int eventfd(unsigned int count, int flags) noexcept {
  if (!no_descriptor_is_free) return static_cast<int>(::syscall(SYS_eventfd2, count, flags));
  errno = EMFILE;
  return -1;
}

namespace prefork {
namespace {

using namespace test;
using What = SocketJob::What;

/// Far below every wait that the traps cause, far above what a busy machine needs.
constexpr auto kAtOnce = std::chrono::milliseconds(700);

class Jobs final : private Closer::Owner {
 public:
  void submit(What what, const Fd& socket, std::uint64_t number = 0) {
    SocketJob job{
        .what = what, .socket = socket.get(), .owner = key_, .number = number, .worker = WorkerId{5}};
    job.reply = "crashed\n";
    closer.submit(std::move(job));
  }
  void submit_unhurried(const Fd& socket, std::uint64_t number) {
    SocketJob job{.what = What::kMeasure, .socket = socket.get(), .owner = key_, .number = number};
    job.unhurried = true;
    closer.submit(std::move(job));
  }
  void submit_close(What what, Fd socket) {
    submit(what, socket);
    (void)socket.release();
  }
  /// Runs the loop until so many jobs are done and stuck.
  void run(std::size_t done, std::size_t stuck) {
    wanted_done_ = done;
    wanted_stuck_ = stuck;
    timeout_.start(kPatience, Callback::to<&Jobs::stop>(*this));
    tick();
    loop_.run();
    REQUIRE(done_.size() >= done);
    REQUIRE(stuck_.size() >= stuck);
  }
  void turn() { loop_.run_once(); }
  [[nodiscard]] const std::vector<std::uint64_t>& done_jobs() const { return done_; }
  [[nodiscard]] const std::vector<SocketJob>& stuck_jobs() const { return stuck_; }
  /// The longest time between two ticks of 5 ms.
  [[nodiscard]] Duration longest_turn() const { return longest_; }

 private:
  void done(SocketJob& job) override {
    done_.push_back(job.number);
    look();
  }
  void stuck(const SocketJob& job) override {
    stuck_.push_back(job);
    look();
  }
  void tick() {
    const Instant now = current_time();
    if (last_tick_ != Instant()) longest_ = std::max(longest_, now - last_tick_);
    last_tick_ = now;
    ticks_.start(std::chrono::milliseconds(5), Callback::to<&Jobs::tick>(*this));
    look();
  }
  void look() {
    if (done_.size() >= wanted_done_ && stuck_.size() >= wanted_stuck_) stop();
  }
  void stop() {
    last_tick_ = Instant();
    loop_.stop();
  }

  Loop loop_;
  Log log_{2};

 public:
  Closer closer{loop_, log_};

 private:
  std::uint64_t key_ = closer.add(static_cast<Closer::Owner&>(*this));
  TimerWatcher timeout_{loop_};
  TimerWatcher ticks_{loop_};
  Instant last_tick_;
  Duration longest_{};
  std::vector<std::uint64_t> done_;
  std::vector<SocketJob> stuck_;
  std::size_t wanted_done_ = 0;
  std::size_t wanted_stuck_ = 0;
};

Fd copy_of(const Fd& socket) { return Fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)); }

TEST_CASE("jobs on one socket are done in their order, and a closed socket is closed") {
  Jobs jobs;
  jobs.run(0, 0);  // the loop opens a descriptor of its own in its first turn
  TcpPair pair = tcp_pair();
  const std::size_t before = open_descriptors();
  for (std::uint64_t number = 1; number <= 3000; ++number) jobs.submit(What::kMeasure, pair.server, number);
  jobs.submit_close(What::kCut, std::move(pair.server));
  jobs.run(3001, 0);
  REQUIRE(jobs.done_jobs().size() == 3001);
  for (std::uint64_t number = 1; number <= 3000; ++number) CHECK(jobs.done_jobs()[number - 1] == number);
  CHECK(receive_all(pair.client).error == 0);
  REQUIRE(jobs.closer.settle(kPatience));
  CHECK(open_descriptors() == before - 1);
}

TEST_CASE("an unhurried job does not wake the loop; what it found is told when it is asked for") {
  Jobs jobs;
  const TcpPair pair = tcp_pair();
  jobs.submit_unhurried(pair.server, 1);
  jobs.run(0, 0);
  eventually("the job is done", [&] {
    jobs.run(0, 0);
    return jobs.closer.idle();
  });
  for (int turn = 0; turn < 3; ++turn) jobs.turn();
  CHECK(jobs.done_jobs().empty());
  jobs.closer.take_unhurried();
  CHECK(jobs.done_jobs() == std::vector<std::uint64_t>{1});
}

TEST_CASE("what unhurried jobs found is told together with that of another job, before it") {
  Jobs jobs;
  const TcpPair pair = tcp_pair();
  jobs.submit_unhurried(pair.server, 1);
  jobs.submit(What::kLook, pair.server, 2);
  jobs.run(2, 0);
  CHECK(jobs.done_jobs() == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("the results of many unhurried jobs are not left to grow") {
  Jobs jobs;
  const TcpPair pair = tcp_pair();
  for (std::uint64_t number = 1; number <= CloserThreads::kMostUnhurried; ++number)
    jobs.submit_unhurried(pair.server, number);
  jobs.run(CloserThreads::kMostUnhurried, 0);
  CHECK(jobs.done_jobs().size() == CloserThreads::kMostUnhurried);
}

TEST_CASE(
    "FAULTS 82: a close that lingers keeps neither the loop nor other sockets waiting, and is cut short") {
  Jobs jobs;
  // The close of the supervisor's end closes what is unread in it, as the last.
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  SlowToClose trap;
  REQUIRE(send_with_descriptor(theirs, trap.socket));
  trap.socket.reset(-1);
  TcpPair other = tcp_pair();
  const Instant begin = current_time();
  jobs.submit_close(What::kClose, std::move(ours));
  jobs.submit(What::kMeasure, other.server, 1);
  jobs.run(1, 0);
  CHECK(jobs.longest_turn() < kAtOnce);
  CHECK(jobs.closer.settle(kPatience));
  CHECK(current_time() - begin < std::chrono::seconds(10));
}

TEST_CASE(
    "FAULTS 83: no call on a socket whose lock is held keeps the loop waiting, nor calls on other sockets") {
  Jobs jobs;
  TcpPair pair = tcp_pair();
  TcpPair other = tcp_pair();
  const Fd of_worker = copy_of(pair.server);
  What what = What::kClose;
  SUBCASE("close") {}
  SUBCASE("cut") { what = What::kCut; }
  SUBCASE("inspect") { what = What::kInspect; }
  SUBCASE("dismiss") { what = What::kDismiss; }
  SUBCASE("answer") { what = What::kAnswer; }
  SUBCASE("discard") { what = What::kDiscard; }
  SUBCASE("look") { what = What::kLook; }
  SUBCASE("measure") { what = What::kMeasure; }
  SUBCASE("prepare") { what = What::kPrepare; }
  SUBCASE("name") { what = What::kName; }
  CAPTURE(static_cast<int>(what));
  SocketLock lock(of_worker.get());
  if (!lock.held()) {
    MESSAGE("not tested: userfaultfd is not allowed");
    return;
  }
  jobs.submit(what, pair.server, 7);
  // What follows under the same number waits for it, and does not meet another socket. Another copy is stuck,
  // too.
  if (what != What::kClose && what != What::kCut) jobs.submit(What::kMeasure, pair.server, 8);
  jobs.submit(What::kMeasure, of_worker, 9);
  jobs.submit(What::kMeasure, other.server, 1);
  jobs.run(1, 1);
  CHECK(jobs.done_jobs() == std::vector<std::uint64_t>{1});
  CHECK(jobs.stuck_jobs().front().what == what);
  CHECK(jobs.stuck_jobs().front().worker == WorkerId{5});
  CHECK_FALSE(jobs.closer.idle());
  CHECK_FALSE(jobs.closer.settle(std::chrono::milliseconds(10)));
  lock.release();
  if (what == What::kClose || what == What::kCut) (void)pair.server.release();
  CHECK(jobs.closer.settle(kPatience));
  CHECK(jobs.longest_turn() < kAtOnce);
}

/// While it is told of its first job, the second one ends.
struct SlowToHear final : Closer::Owner {
  void done(SocketJob& /*job*/) override {
    ++told;
    lock.release();
    eventually("the other job is done", [this] { return closer->idle(); });
  }
  void stuck(const SocketJob& /*job*/) override {}

  TcpPair locked = tcp_pair();
  SocketLock lock{locked.server.get()};
  Closer* closer = nullptr;
  int told = 0;
};

TEST_CASE("FAULTS 140: without a descriptor for results, one that comes while others are told is told, too") {
  Loop loop;
  Log log(2);
  const TcpPair pair = tcp_pair();
  SlowToHear owner;
  if (!owner.lock.held()) return;
  no_descriptor_is_free = true;
  Closer closer(loop, log);
  no_descriptor_is_free = false;
  owner.closer = &closer;
  const std::uint64_t key = closer.add(owner);
  closer.submit({.what = What::kMeasure, .socket = pair.server.get(), .owner = key});
  closer.submit({.what = What::kMeasure, .socket = owner.locked.server.get(), .owner = key});
  eventually("both are told", [&] {
    loop.run_once();
    return owner.told == 2;
  });
}

TEST_CASE("an owner that is gone is told nothing") {
  Jobs jobs;
  TcpPair pair = tcp_pair();
  {
    struct Gone final : Closer::Owner {
      void done(SocketJob& /*job*/) override { FAIL("told"); }
      void stuck(const SocketJob& /*job*/) override {}
    } gone;
    const std::uint64_t key = jobs.closer.add(gone);
    jobs.closer.submit({.what = What::kMeasure, .socket = pair.server.get(), .owner = key});
    jobs.closer.remove(key);
  }
  CHECK(jobs.closer.settle(kPatience));
}

}  // namespace
}  // namespace prefork
