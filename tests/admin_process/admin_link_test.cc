// The link to the admin process, with the test at its other end.
#include "supervisor/admin_process/admin_link.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "proto/passing.h"
#include "tests/app/parts.h"
#include "tests/support/eventually.h"

namespace prefork {
namespace {

using namespace std::chrono_literals;
using namespace test;

struct Linked : public Parts {
  Linked() { open(); }
  void open() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    theirs.reset(ends[1]);
    link.open(Fd(ends[0]));
  }
  void on_ended() { ++ended; }
  std::string received() {
    std::array<char, 65536> some;
    const ssize_t got = ::recv(theirs.get(), some.data(), some.size(), MSG_DONTWAIT);
    return got > 0 ? std::string(some.data(), static_cast<std::size_t>(got)) : "";
  }
  void say(const std::string& line) {
    REQUIRE(::send(theirs.get(), line.data(), line.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(line.size()));
  }
  void subscribe() {
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\"}\n");
    eventually("it is answered", [&] {
      loop.run_once();
      return received().find("\"seq\"") != std::string::npos;
    });
  }

  Fd theirs;
  int ended = 0;
  AdminLink link{loop, control, Callback::to<&Linked::on_ended>(*this), 5ms};
};

TEST_CASE("FAULTS 435: an admin process that does not read its link is noticed, whatever it is sent") {
  Linked linked;
  linked.link.expect_reading();
  SUBCASE("nothing happens") {
    eventually("it is noticed", [&] {
      linked.loop.run_once();
      return linked.ended == 1;
    });
  }
  SUBCASE("events come without end: what waits is bounded") {
    linked.subscribe();
    const std::string many(10'000, 'x');
    for (int i = 0; i < 10'000 && linked.ended == 0; ++i) {
      linked.control.publish(control_event::UpgradeRefused{many});
      if (i % 100 == 99) linked.loop.run_once();
    }
    CHECK(linked.ended == 1);
  }
  CHECK_FALSE(linked.link.is_open());
  CHECK_FALSE(linked.link.end().empty());
  linked.open();
  linked.loop.run_once();
  CHECK(linked.link.is_open());
  CHECK(linked.ended == 1);
}

TEST_CASE("an admin process that reads is not disturbed") {
  Linked linked;
  linked.link.expect_reading();
  int pings = 0;
  eventually("it has been pinged often", [&] {
    linked.loop.run_once();
    if (!linked.received().empty()) ++pings;
    return pings > 4 * AdminLink::kPatience;
  });
  CHECK(linked.ended == 0);
}

TEST_CASE("FAULTS 479: while a reload is under way, the link's other requests are answered") {
  Linked linked;
  linked.link.set_token("0123456789abcdef");
  const auto ask = [&](int id, const char* method) {
    linked.say("{\"jsonrpc\":\"2.0\",\"id\":" + std::to_string(id) + ",\"method\":\"" + method +
               "\",\"params\":{\"token\":\"0123456789abcdef\"}}\n");
  };
  std::string text;
  const auto answered = [&](int id) {
    linked.loop.run_once();
    text += linked.received();
    return text.find("\"id\":" + std::to_string(id) + ",") != std::string::npos ||
           text.find("\"id\":" + std::to_string(id) + "}") != std::string::npos;
  };
  ask(1, "reload");
  ask(2, "reload");
  ask(3, "status");
  eventually("the status is answered", [&] { return answered(3); });
  CHECK_FALSE(answered(1));
  CHECK_FALSE(answered(2));
  linked.control.reload_ended(0, ReloadVerdict{});
  CHECK(answered(1));
  CHECK(answered(2));
  for (int id = 4; id < 40; ++id) ask(id, "reload");
  ask(40, "status");
  for (int i = 0; i < 100; ++i) CHECK_FALSE(answered(40));  // what awaits a reload is bounded
  eventually("all are answered", [&] {
    linked.control.reload_ended(0, ReloadVerdict{});
    return answered(40) && answered(39);
  });
}

TEST_CASE("the end of the link is noticed") {
  Linked linked;
  linked.theirs.reset();
  eventually("it is noticed", [&] {
    linked.loop.run_once();
    return linked.ended == 1;
  });
}

TEST_CASE("descriptors come with their line, after what waits already") {
  Linked linked;
  linked.subscribe();
  const std::string many(100'000, 'x');
  for (int i = 0; i < 6; ++i) linked.control.publish(control_event::UpgradeRefused{many});
  std::vector<Fd> passed;
  for (int i = 0; i < 2; ++i) passed.emplace_back(::dup(0));
  linked.link.send("{\"method\":\"listen\"}\n", std::move(passed));
  linked.control.publish(control_event::UpgradeRefused{"after it"});

  std::string text;
  std::size_t before = 0;
  eventually(
      "all has come",
      [&] {
        linked.loop.run_once();
        std::array<std::byte, 4096> some;
        Passed got = receive_passing(linked.theirs.get(), some, MSG_DONTWAIT);
        if (got.size <= 0) return false;
        if (got.descriptor.valid() && got.second.valid())
          before = text.size() + static_cast<std::size_t>(got.size);
        text.append(reinterpret_cast<const char*>(some.data()), static_cast<std::size_t>(got.size));
        return text.find("after it") != std::string::npos;
      },
      kPatience, std::chrono::nanoseconds(0));
  const std::size_t at = text.find("{\"method\":\"listen\"}\n");
  REQUIRE(at != std::string::npos);
  CHECK(before > at);
  CHECK(text.find("\n", at) < text.find("after it"));
  CHECK(linked.ended == 0);
}

TEST_CASE("a second set of sockets for a process that has not read the first ends the link") {
  Linked linked;
  linked.subscribe();
  const std::string many(100'000, 'x');
  for (int i = 0; i < 6; ++i) linked.control.publish(control_event::UpgradeRefused{many});
  for (int i = 0; i < 2; ++i) {
    std::vector<Fd> passed;
    passed.emplace_back(::dup(0));
    linked.link.send("{}\n", std::move(passed));
  }
  linked.loop.run_once();
  CHECK(linked.ended == 1);
}

}  // namespace
}  // namespace prefork
