// The watchers: their owners, and when they call back.
#include "supervisor/loop/loop.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "proto/fd.h"
#include "tests/support/refused_watches.h"

namespace {

/// This many of the next calls of epoll_ctl(2) for that descriptor fail in this program.
int failing_watches = 0;
int failing_descriptor = -1;
/// And this many of the next calls of epoll_create1(2).
int failing_epolls = 0;

}  // namespace

extern "C" int epoll_create1(int flags) noexcept {
  if (failing_epolls == 0) return static_cast<int>(::syscall(SYS_epoll_create1, flags));
  --failing_epolls;
  errno = ENOMEM;
  return -1;
}

extern "C" int epoll_ctl(int epoll, int operation, int descriptor, epoll_event* event) noexcept {
  if (prefork::test::clients_are_refused && event != nullptr && (event->events & EPOLLONESHOT) != 0) {
    errno = ENOSPC;
    return -1;
  }
  if (failing_watches == 0 || descriptor != failing_descriptor)
    return static_cast<int>(::syscall(SYS_epoll_ctl, epoll, operation, descriptor, event));
  --failing_watches;
  errno = ENOSPC;
  return -1;
}

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  void write() const { REQUIRE(::write(in.get(), "x", 1) == 1); }
  Fd out;
  Fd in;
};

/// Counts its calls and stops the loop at the `limit`-th.
struct Counter {
  explicit Counter(Loop& on, int stop_at = 1) : loop(on), limit(stop_at) {}
  void call() {
    if (++calls >= limit) loop.stop();
  }
  Loop& loop;
  int limit;
  int calls = 0;
};

TEST_CASE("a read watcher calls back as long as there is something to read, until it is stopped") {
  Loop loop;
  const Pipe pipe;
  Counter counter(loop, 3);
  ReadWatcher watcher(loop);
  watcher.start(pipe.out.get(), Callback::to<&Counter::call>(counter));
  CHECK(watcher.active());
  pipe.write();
  loop.run();
  CHECK(counter.calls == 3);
  watcher.stop();
  CHECK_FALSE(watcher.active());
  Counter end(loop);
  TimerWatcher timer(loop);
  timer.start(milliseconds(5), Callback::to<&Counter::call>(end));
  loop.run();
  CHECK(counter.calls == 3);
}

TEST_CASE("a write watcher calls back while there is room, and is silent while there is none") {
  Loop loop;
  const Pipe pipe;
  REQUIRE(::fcntl(pipe.in.get(), F_SETFL, O_NONBLOCK) == 0);
  Counter counter(loop);
  WriteWatcher watcher(loop);
  watcher.start(pipe.in.get(), Callback::to<&Counter::call>(counter));
  loop.run();
  CHECK(counter.calls == 1);
  while (::write(pipe.in.get(), "x", 1) == 1) {
  }
  Counter end(loop);
  TimerWatcher timer(loop);
  timer.start(milliseconds(5), Callback::to<&Counter::call>(end));
  loop.run();
  CHECK(counter.calls == 1);
}

/// Owns a watcher, and is destroyed inside its callback.
struct Mortal {
  Mortal(Loop& on, const Pipe& pipe, std::unique_ptr<Mortal>& owner) : loop(on), self(owner), watcher(on) {
    watcher.start(pipe.out.get(), Callback::to<&Mortal::call>(*this));
  }
  void call() {
    loop.stop();
    self.reset();
  }
  Loop& loop;
  std::unique_ptr<Mortal>& self;
  ReadWatcher watcher;
};

TEST_CASE("the owner of a watcher may be destroyed inside its callback") {
  Loop loop;
  const Pipe pipe;
  std::unique_ptr<Mortal> mortal;
  mortal = std::make_unique<Mortal>(loop, pipe, mortal);
  pipe.write();
  loop.run();
  CHECK(mortal == nullptr);
}

/// Two watchers that are ready in the same round; the first that is called stops the other.
struct Rivals {
  explicit Rivals(Loop& on) : loop(on), one(std::in_place, on), two(std::in_place, on) {
    one->start(pipes[0].out.get(), Callback::to<&Rivals::first>(*this));
    two->start(pipes[1].out.get(), Callback::to<&Rivals::second>(*this));
    pipes[0].write();
    pipes[1].write();
  }
  void first() { ++calls, two.reset(), loop.stop(); }
  void second() { ++calls, one.reset(), loop.stop(); }
  Loop& loop;
  std::array<Pipe, 2> pipes;
  std::optional<ReadWatcher> one;
  std::optional<ReadWatcher> two;
  int calls = 0;
};

TEST_CASE("a watcher that another callback destroys in the same round is not called") {
  Loop loop;
  Rivals rivals(loop);
  loop.run();
  CHECK(rivals.calls == 1);
}

/// Keeps the loop for a while, then arms a timer.
struct Slow {
  explicit Slow(Loop& on) : loop(on), timer(on) {}
  void work() {
    const timespec pause{.tv_sec = 0, .tv_nsec = 60'000'000};
    (void)::nanosleep(&pause, nullptr);
    armed = steady_clock::now();
    timer.start(milliseconds(50), Callback::to<&Slow::rang>(*this));
  }
  void rang() {
    took = steady_clock::now() - armed;
    loop.stop();
  }
  Loop& loop;
  TimerWatcher timer;
  steady_clock::time_point armed;
  steady_clock::duration took{};
};

TEST_CASE("a timer that is armed after a slow callback runs its whole time") {
  Loop loop;
  Slow slow(loop);
  TimerWatcher begin(loop);
  begin.start(milliseconds(0), Callback::to<&Slow::work>(slow));
  loop.run();
  CHECK(slow.took >= milliseconds(49));
}

TEST_CASE("FAULTS 101: a callback that keeps the loop is seen in its longest turn; sleep is not") {
  Loop loop;
  CHECK(loop.turns().longest() == Duration::zero());
  Counter end(loop);
  TimerWatcher sleep(loop);
  sleep.start(milliseconds(500), Callback::to<&Counter::call>(end));
  loop.run();
  loop.run_once();
  const Duration slept = loop.turns().longest();
  CHECK(slept > Duration::zero());
  CHECK(slept < milliseconds(400));
  Slow slow(loop);
  TimerWatcher begin(loop);
  begin.start(milliseconds(0), Callback::to<&Slow::work>(slow));
  loop.run();
  CHECK(loop.turns().longest() >= milliseconds(60));
  CHECK(loop.turns().longest_lately(steady_clock::now()) >= milliseconds(60));
}

TEST_CASE("FAULTS 110: a descriptor that the kernel refuses to watch is no event, and is watched later") {
  Loop loop;
  const Pipe pipe;
  Counter refusals(loop, 1000);
  Counter events(loop);
  loop.on_refusal(Callback::to<&Counter::call>(refusals));
  ReadWatcher watcher(loop);
  watcher.start(pipe.out.get(), Callback::to<&Counter::call>(events));
  failing_descriptor = pipe.out.get();
  failing_watches = 3;
  loop.run_once();
  CHECK(events.calls == 0);
  CHECK(refusals.calls == 1);
  CHECK(watcher.active());
  pipe.write();
  loop.run();
  CHECK(events.calls == 1);
  CHECK(refusals.calls == 3);
}

TEST_CASE("FAULTS 110: a watcher that is stopped after a refusal stays stopped") {
  Loop loop;
  const Pipe pipe;
  Counter events(loop);
  ReadWatcher watcher(loop);
  watcher.start(pipe.out.get(), Callback::to<&Counter::call>(events));
  failing_descriptor = pipe.out.get();
  failing_watches = 1;
  loop.run_once();
  watcher.stop();
  CHECK_FALSE(watcher.active());
  pipe.write();
  Counter end(loop);
  TimerWatcher timer(loop);
  timer.start(milliseconds(150), Callback::to<&Counter::call>(end));
  loop.run();
  CHECK(events.calls == 0);
}

/// Two timers that ring in the same turn: the first that is called arms the other, unless that is active.
struct Twins {
  explicit Twins(Loop& on) : loop(on), one(on), two(on) {
    one.start(milliseconds(0), Callback::to<&Twins::first>(*this));
    two.start(milliseconds(0), Callback::to<&Twins::second>(*this));
  }
  void first() { rang(two); }
  void second() { rang(one); }
  void rang(TimerWatcher& other) {
    if (++calls == 2) return loop.stop();
    CHECK(other.active());
    if (!other.active()) other.start(std::chrono::hours(1), Callback::to<&Twins::second>(*this));
  }
  Loop& loop;
  TimerWatcher one, two;
  int calls = 0;
};

TEST_CASE("FAULTS 165: the loop asks again for an epoll descriptor that the kernel refuses") {
  Loop loop;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const Fd in(ends[1]);
  // As if another process had it: its events go on after it is closed here.
  const Fd copy(::fcntl(ends[0], F_DUPFD_CLOEXEC, 0));
  {
    Fd out(ends[0]);
    ReadWatcher watcher(loop);
    watcher.start(out.get(), Callback());
    loop.run_once();
  }
  REQUIRE(::write(in.get(), "x", 1) == 1);
  failing_epolls = 2;
  for (int turn = 0; turn < 3; ++turn) loop.run_once();
  CHECK(failing_epolls == 0);
}

/// Notes which of its two watchers calls back first.
struct Order {
  void read() { text += 'r'; }
  void time() { text += 't'; }
  std::string text;
};

TEST_CASE("in one turn of the loop a descriptor that is readable comes before a timer that is due") {
  Loop loop;
  const Pipe pipe;
  Order order;
  ReadWatcher watcher(loop);
  watcher.start(pipe.out.get(), Callback::to<&Order::read>(order));
  TimerWatcher timer(loop);
  pipe.write();
  timer.start(milliseconds(0), Callback::to<&Order::time>(order));
  loop.run_once();
  CHECK(order.text == "rt");
}

TEST_CASE("a timer whose delay is over is active until it has called back") {
  Loop loop;
  Twins twins(loop);
  loop.run();
  CHECK(twins.calls == 2);
  CHECK_FALSE(twins.one.active());
  CHECK_FALSE(twins.two.active());
}

TEST_CASE("arming a timer again replaces what was armed, and a negative delay is none") {
  Loop loop;
  Counter wrong(loop);
  Counter right(loop);
  TimerWatcher timer(loop);
  timer.start(std::chrono::hours(1), Callback::to<&Counter::call>(wrong));
  timer.start(milliseconds(-5), Callback::to<&Counter::call>(right));
  loop.run();
  CHECK(right.calls == 1);
  CHECK(wrong.calls == 0);
  CHECK_FALSE(timer.active());
}

TEST_CASE("a signal calls back, and several of a kind are at least one") {
  Loop loop;
  Counter counter(loop);
  SignalWatcher watcher(loop);
  watcher.start(SIGUSR1, Callback::to<&Counter::call>(counter));
  for (int i = 0; i < 10; ++i) REQUIRE(::raise(SIGUSR1) == 0);
  loop.run();
  CHECK(counter.calls == 1);
}

TEST_CASE("FAULTS 110: a signal that comes while the kernel refuses to watch for signals is told later") {
  Loop loop;
  Counter first(loop);
  Counter second(loop);
  SignalWatcher watcher(loop);
  SignalWatcher other(loop);
  // The eventfd gets the lowest number that is free.
  Fd next(::dup(STDERR_FILENO));
  failing_descriptor = next.get();
  next.reset();
  failing_watches = 2;
  watcher.start(SIGUSR1, Callback::to<&Counter::call>(first));
  other.start(SIGUSR2, Callback::to<&Counter::call>(second));
  REQUIRE(::raise(SIGUSR1) == 0);
  loop.run();
  CHECK(failing_watches == 0);
  CHECK(first.calls == 1);
  REQUIRE(::raise(SIGUSR2) == 0);
  SUBCASE("the loop runs") { loop.run(); }
  SUBCASE("the loop is asked for what has happened") { loop.run_once(); }
  CHECK(second.calls == 1);
}

TEST_CASE("a callback before the loop sleeps runs after the pending events") {
  Loop loop;
  const Pipe pipe;
  Counter events(loop, 2);
  Counter sleeps(loop, 1000);
  ReadWatcher reads(loop);
  BeforeSleepWatcher before(loop);
  reads.start(pipe.out.get(), Callback::to<&Counter::call>(events));
  before.start(Callback::to<&Counter::call>(sleeps));
  pipe.write();
  loop.run();
  CHECK(sleeps.calls == 2);
}

TEST_CASE("the loop leaves the children of the process alone") {
  Loop loop;
  Counter counter(loop);
  SignalWatcher watcher(loop);
  watcher.start(SIGCHLD, Callback::to<&Counter::call>(counter));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(7);
  loop.run();
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 7);
}

}  // namespace
}  // namespace prefork
