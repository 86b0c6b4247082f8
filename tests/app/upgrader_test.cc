// What an upgrade is refused for, and when the next program may take over. That it takes over: e2e/upgrade.
#include "supervisor/app/upgrader.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

constexpr const char* kAccepts = "#!/bin/sh\necho 'adopts the state: supervisor 9.9'\n";
constexpr const char* kRefuses = "#!/bin/sh\necho 'not this state' >&2\nexit 1\n";
constexpr const char* kHangs = "#!/bin/sh\nexec sleep 60\n";

using Texts = std::vector<std::string>;

/// A supervisor with a program that can be replaced.
struct Subject final : public Upgrader::Subject, public EventSink {
  explicit Subject(const char* next) { install(next); }

  void install(const char* next) const {
    const std::string file = directory.file("new", next, 0755);
    REQUIRE(std::rename(file.c_str(), program.c_str()) == 0);
  }
  /// Runs the loop until no program is being examined.
  void run() {
    look();
    loop.run();
  }
  void look() {
    if (upgrader.child() == 0 && !waits) return loop.stop();
    if (!refusals.empty() || (upgrader.due() && !blocked)) return loop.stop();
    timer.start(std::chrono::milliseconds(5), Callback::to<&Subject::look>(*this));
  }
  void deploy_again() {
    install(kRefuses);
    upgrader.request();
  }
  void examine() {
    REQUIRE(upgrader.begin().ok());
    run();
  }

  // EventSink
  void publish(ControlEvent event) override {
    refusals.push_back(std::get<control_event::UpgradeRefused>(event).text);
  }
  // Upgrader::Subject
  [[nodiscard]] bool stopping() const override { return is_stopping; }
  [[nodiscard]] bool settled() const override { return !unsettled; }
  [[nodiscard]] bool settle_sockets() override { return !blocked; }
  [[nodiscard]] SupervisorState state() override {
    SupervisorState now;
    now.running.config_text = text;
    return now;
  }
  [[nodiscard]] SupervisorState final_state() override {
    ++final_states;
    return state();
  }

  TempDirectory directory;
  std::string program = directory.at("supervisor");
  Loop loop;
  Log log{2};
  ClientDescriptors clients;
  bool is_stopping = false;
  bool unsettled = false;
  bool blocked = false;
  bool waits = false;  ///< run() goes on until the upgrade is due or refused
  int final_states = 0;
  std::string text = "{}";
  Texts refusals;
  TimerWatcher timer{loop};
  Upgrader upgrader{{program, "pool.json"}, loop, log, *this, clients, *this};
};

TEST_CASE("a program that accepts the state is due, and takes over unless a reload is not finished") {
  Subject subject(kAccepts);
  CHECK_FALSE(subject.upgrader.due());
  subject.examine();
  CHECK(subject.refusals.empty());
  CHECK(subject.upgrader.due());
  CHECK(subject.upgrader.ready());
  subject.unsettled = true;
  CHECK(subject.upgrader.due());
  CHECK_FALSE(subject.upgrader.ready());
}

TEST_CASE("FAULTS 65: a program that refuses the state does not take over, and its words are the reason") {
  Subject subject(kRefuses);
  subject.examine();
  CHECK_FALSE(subject.upgrader.due());
  CHECK(subject.refusals == Texts{"the new program exited with status 1: not this state"});
}

TEST_CASE("FAULTS 86: no upgrade begins, and none takes over, while a process blocks a client's socket") {
  Subject subject(kAccepts);
  const Texts refusal{"a process blocks a client's socket; try again"};
  SUBCASE("for too long, before the examination") {
    subject.blocked = subject.waits = true;
    subject.examine();
    CHECK(subject.upgrader.child() == 0);
    CHECK(subject.refusals == refusal);
  }
  SUBCASE("for too long, before the exec") {
    subject.examine();
    REQUIRE(subject.upgrader.due());
    subject.blocked = true;
    for (int i = 0; i < Upgrader::kMaxBlocked; ++i) {
      subject.upgrader.hand_over();
      REQUIRE(subject.upgrader.due());
      CHECK_FALSE(subject.upgrader.ready());
    }
    subject.upgrader.hand_over();
    CHECK_FALSE(subject.upgrader.due());
    CHECK(subject.refusals == refusal);
    CHECK(subject.final_states == 0);
  }
  SUBCASE("for a moment") {
    subject.blocked = subject.waits = true;
    REQUIRE(subject.upgrader.begin().ok());
    CHECK(subject.upgrader.begin().error().message() == "another upgrade is under way");
    subject.blocked = false;
    subject.run();
    CHECK(subject.upgrader.due());
    CHECK(subject.refusals.empty());
  }
}

TEST_CASE("FAULTS 65: a missing program is refused") {
  Subject subject(kAccepts);
  REQUIRE(::unlink(subject.program.c_str()) == 0);
  const auto started = subject.upgrader.begin();
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().message().find(subject.program) != std::string::npos);
  CHECK(subject.upgrader.child() == 0);
}

TEST_CASE("FAULTS 65: no upgrade begins while another one is examined, or is due") {
  Subject subject(kHangs);
  REQUIRE(subject.upgrader.begin().ok());
  CHECK(subject.upgrader.begin().error().message() == "another upgrade is under way");

  Subject other(kAccepts);
  other.examine();
  CHECK(other.upgrader.begin().error().message() == "another upgrade is under way");
}

TEST_CASE("no upgrade begins when the supervisor is stopping") {
  Subject subject(kAccepts);
  subject.is_stopping = true;
  CHECK(subject.upgrader.begin().error().message() == "the supervisor is stopping");
  CHECK(subject.refusals == Texts{"the supervisor is stopping"});
  subject.upgrader.request();
  CHECK(subject.refusals == Texts{"the supervisor is stopping", "the supervisor is stopping"});
}

TEST_CASE("a stop refuses an upgrade that is due, once") {
  Subject subject(kAccepts);
  subject.upgrader.cancel();
  CHECK(subject.refusals.empty());
  subject.examine();
  subject.upgrader.cancel();
  subject.upgrader.cancel();
  CHECK_FALSE(subject.upgrader.due());
  CHECK(subject.refusals == Texts{"the supervisor is stopping"});
}

TEST_CASE("a stop ends an examination that is under way, and refuses the upgrade at once") {
  Subject subject(kHangs);
  REQUIRE(subject.upgrader.begin().ok());
  subject.upgrader.cancel();
  CHECK(subject.upgrader.child() == 0);
  CHECK(subject.refusals == Texts{"the supervisor is stopping"});
}

TEST_CASE("a hand-over that finds the supervisor stopping does not wait for its listeners") {
  Subject subject(kAccepts);
  subject.examine();
  subject.is_stopping = subject.unsettled = true;
  subject.upgrader.hand_over();
  CHECK_FALSE(subject.upgrader.due());
  CHECK(subject.refusals == Texts{"the supervisor is stopping"});
}

TEST_CASE("a program that was replaced after its examination does not take over") {
  Subject subject(kAccepts);
  subject.examine();
  subject.install(kAccepts);
  subject.upgrader.hand_over();
  CHECK_FALSE(subject.upgrader.due());
  CHECK(subject.refusals ==
        Texts{subject.program + " was replaced once more while it was examined; try again"});
  CHECK(subject.final_states == 0);
}

TEST_CASE(
    "FAULTS 163: a request at the moment of the hand-over is refused, and no other program takes over") {
  Subject subject(kAccepts);
  subject.examine();
  REQUIRE(subject.upgrader.due());
  TimerWatcher signal(subject.loop);
  signal.start(Duration::zero(), Callback::to<&Subject::deploy_again>(subject));
  subject.upgrader.hand_over();
  CHECK(subject.upgrader.child() == 0);
  CHECK(subject.refusals ==
        Texts{subject.program + " was replaced once more while it was examined; try again"});
}

TEST_CASE("a hand-over waits for a listener that a reload has removed at the last moment") {
  Subject subject(kAccepts);
  subject.examine();
  subject.unsettled = true;
  subject.upgrader.hand_over();
  CHECK(subject.upgrader.due());
  CHECK(subject.refusals.empty());
  CHECK(subject.final_states == 0);
}

TEST_CASE("FAULTS 94: a text that a reload has put into force after the examination is examined, too") {
  Subject subject(kAccepts);
  subject.examine();
  subject.text = "another";
  subject.upgrader.hand_over();
  CHECK(subject.final_states == 1);
  CHECK(subject.refusals.empty());
  CHECK_FALSE(subject.upgrader.due());
  CHECK(subject.upgrader.child() != 0);
  subject.run();
  CHECK(subject.upgrader.due());
}

TEST_CASE("a hand-over that the system refuses leaves this program in force") {
  Subject subject(kAccepts);
  subject.examine();
  // Refused by the kernel only at the exec: the same file, not executable any more.
  REQUIRE(::chmod(subject.program.c_str(), 0644) == 0);
  subject.upgrader.hand_over();
  CHECK(subject.refusals.size() == 1);
  CHECK_FALSE(subject.upgrader.due());
}

}  // namespace
}  // namespace prefork
