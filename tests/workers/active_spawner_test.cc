// The active spawner: its socket, its death and its deadline; a child of the test plays the spawner.
#include "supervisor/workers/active_spawner.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "supervisor/system/clock.h"
#include "tests/support/eventually.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;
using test::eventually;

constexpr Duration kNever = 1h;

/// An active spawner, and how often each of its callbacks was called.
class Watched {
 public:
  explicit Watched(Duration answer_timeout)
      : active(loop_,
               {.readable = Callback::to<&Watched::on_readable>(*this),
                .exited = Callback::to<&Watched::on_exited>(*this),
                .overdue = Callback::to<&Watched::on_overdue>(*this)},
               answer_timeout) {
    auto ends = make_spawner_socket();
    REQUIRE(ends.ok());
    theirs_ = std::move(ends.value().second);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      for (;;) (void)::pause();
    }
    active.begin(
        {std::move(ends.value().first), Fd(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0))), child_});
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() {
    (void)::kill(child_, SIGKILL);
    (void)::waitpid(child_, nullptr, 0);
  }

  void answer(std::uint64_t worker) const {
    LaunchReply reply;
    reply.key = {1, worker};
    REQUIRE(::send(theirs_.get(), &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply));
  }
  template <typename Condition>
  void run_until(Condition condition) {
    eventually("the spawner is watched", [&] {
      loop_.run_once();
      return condition();
    });
  }
  void run_for(Duration time) {
    const Instant end = current_time() + time;
    run_until([end] { return current_time() >= end; });
  }
  [[nodiscard]] pid_t child() const { return child_; }

  int readable = 0;
  int exited = 0;
  int overdue = 0;

 private:
  void on_readable() {
    ++readable;
    while (active.receive()) active.answered(false);
  }
  void on_exited() {
    ++exited;
    buried = active.bury();
  }
  void on_overdue() { ++overdue; }

  Loop loop_;
  Fd theirs_;
  pid_t child_ = 0;

 public:
  ActiveSpawner::Buried buried;
  ActiveSpawner active;
};

TEST_CASE("answers are told, each one whole") {
  Watched watched(kNever);
  CHECK(watched.active.present());
  CHECK(watched.active.pid() == watched.child());
  CHECK_FALSE(watched.active.receive().has_value());
  watched.answer(5);
  const auto answer = watched.active.receive();
  REQUIRE(answer.has_value());
  CHECK(answer->reply.key == LaunchKey{1, 5});
  CHECK_FALSE(answer->pidfd.valid());
  watched.answer(6);
  watched.run_until([&] { return watched.readable == 1; });
}

TEST_CASE("its death is told once, and then there is none") {
  Watched watched(kNever);
  REQUIRE(watched.active.kill());
  watched.run_until([&] { return watched.exited == 1; });
  CHECK(watched.buried.pid == watched.child());
  CHECK(watched.buried.age >= Duration::zero());
  CHECK_FALSE(watched.active.present());
  CHECK(watched.active.pid() == 0);
  CHECK_FALSE(watched.active.receive().has_value());
  CHECK(::kill(watched.child(), 0) < 0);  // reaped
}

TEST_CASE("an answer that does not come in time is told, and without a request nothing is overdue") {
  Watched watched(20ms);
  watched.run_for(40ms);
  CHECK(watched.overdue == 0);
  watched.active.expect_answer();
  CHECK(watched.active.deadline_runs());
  watched.run_until([&] { return watched.overdue == 1; });
  CHECK_FALSE(watched.active.deadline_runs());
  watched.run_for(40ms);
  CHECK(watched.overdue == 1);
}

TEST_CASE("an answer ends the deadline, or begins it anew when more are awaited") {
  Watched watched(kNever);
  watched.active.expect_answer();
  watched.active.answered(true);
  CHECK(watched.active.deadline_runs());
  watched.active.answered(false);
  CHECK_FALSE(watched.active.deadline_runs());
}

TEST_CASE("a later request does not move the deadline of an earlier one") {
  Watched watched(200ms);
  watched.active.expect_answer();
  watched.run_until([&] {
    watched.active.expect_answer();
    return watched.overdue > 0;
  });
}

TEST_CASE("a deadline that passed while the whole machine was paused leaves time for an answer") {
  Watched watched(1s);
  watched.active.expect_answer();
  std::this_thread::sleep_for(600ms);  // the loop runs as little as the spawner does
  watched.run_for(1ms);
  CHECK(watched.overdue == 0);
  watched.answer(1);
  watched.run_until([&] { return watched.readable == 1; });
  CHECK(watched.overdue == 0);
  CHECK_FALSE(watched.active.deadline_runs());
}

}  // namespace
}  // namespace prefork
