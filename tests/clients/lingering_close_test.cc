// Connections that are rejected with a reply: the client sees the reply and a clean end, whatever it has
// sent.
#include "supervisor/clients/lingering_close.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "supervisor/loop/loop.h"
#include "supervisor/system/clock.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/eventually.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Lingering closes with the Closer that makes their calls.
struct Lingering final : private Closer::Owner {
  explicit Lingering(const Loop& loop)
      : closer(loop, log), closing(loop, closer, closer.add(static_cast<Closer::Owner&>(*this))) {}
  void start(Fd socket, const std::string& reply) {
    closing.start(std::move(socket), reply, Ticket{}, WorkerId{});
  }
  void settle() { REQUIRE(closer.settle(kPatience)); }

  Log log{2};
  Closer closer;
  LingeringClose closing;

 private:
  void done(SocketJob& job) override { closing.done(job); }
  void stuck(const SocketJob& /*job*/) override {}
};

/// Runs the loop until no lingering close is pending, or the time is over.
class Runner {
 public:
  Runner(Loop& loop, const LingeringClose& closing)
      : loop_(loop), closing_(closing), end_(loop), look_(loop) {}
  void run(Duration limit) {
    end_.start(limit, Callback::to<&Runner::stop>(*this));
    look_.start(Callback::to<&Runner::look>(*this));
    loop_.run();
  }

 private:
  void stop() { loop_.stop(); }
  void look() {
    if (closing_.pending() == 0) loop_.stop();
  }
  Loop& loop_;
  const LingeringClose& closing_;
  TimerWatcher end_;
  BeforeSleepWatcher look_;
};

TEST_CASE("a client sees the whole reply and a clean end, however much of what it sent is unread") {
  for (const std::size_t unread : {0U, 50U, 40'000U}) {
    CAPTURE(unread);
    Loop loop;
    Lingering lingering(loop);
    Runner runner(loop, lingering.closing);
    TcpPair pair = tcp_pair();
    send_all(pair.client, std::string(unread, 'x'));
    await_unread(pair.server, unread);
    const std::string reply(1000, 'w');
    lingering.start(std::move(pair.server), reply);
    CHECK(lingering.closing.pending() == 1);
    ReceivedText received;
    std::thread client([&] {
      received = receive_all(pair.client);
      pair.client.reset();
    });
    runner.run(std::chrono::seconds(20));
    client.join();
    CHECK(received.text == reply);
    CHECK(received.error == 0);
    CHECK(lingering.closing.pending() == 0);
  }
}

TEST_CASE("a client that goes on sending still sees the reply") {
  Loop loop;
  Lingering lingering(loop);
  Runner runner(loop, lingering.closing);
  TcpPair pair = tcp_pair();
  lingering.start(std::move(pair.server), "busy\n");
  ReceivedText received;
  std::thread client([&] {
    send_all(pair.client, std::string(100'000, 'x'));
    received = receive_all(pair.client);
    pair.client.reset();
  });
  runner.run(std::chrono::seconds(20));
  client.join();
  CHECK(received.text == "busy\n");
  CHECK(received.error == 0);
}

TEST_CASE("a connection whose client does not close is closed after a second") {
  Loop loop;
  Lingering lingering(loop);
  Runner runner(loop, lingering.closing);
  loop.run_once();  // opens a descriptor of its own in its first turn
  const std::size_t before = open_descriptors();
  const auto begin = steady_clock::now();
  TcpPair silent = tcp_pair();
  lingering.start(std::move(silent.server), "busy\n");
  runner.run(std::chrono::seconds(20));
  const auto took = steady_clock::now() - begin;
  CHECK(lingering.closing.pending() == 0);
  lingering.settle();
  CHECK(open_descriptors() == before + 1);
  CHECK(took >= milliseconds(990));
  CHECK(took < std::chrono::seconds(10));
}

TEST_CASE("an upgrade in place does not give a silent client another second") {
  Loop loop;
  Lingering lingering(loop);
  Runner runner(loop, lingering.closing);
  TcpPair silent = tcp_pair();
  lingering.closing.adopt({{Carried{silent.server.release()}, current_time() + milliseconds(1)}});
  CHECK(lingering.closing.pending() == 1);
  runner.run(LingeringClose::kTimeout / 2);
  CHECK(lingering.closing.pending() == 0);
}

TEST_CASE("a connection whose client has closed already is closed at once") {
  Loop loop;
  Lingering lingering(loop);
  Runner runner(loop, lingering.closing);
  TcpPair pair = tcp_pair();
  SUBCASE("closed") { pair.client.reset(); }
  SUBCASE("reset") { reset_connection(pair.client); }
  await_hang_up(pair.server);
  const auto begin = steady_clock::now();
  lingering.start(std::move(pair.server), "busy\n");
  runner.run(std::chrono::seconds(20));
  CHECK(lingering.closing.pending() == 0);
  CHECK(steady_clock::now() - begin < milliseconds(900));
}

TEST_CASE("more than the limit at a time: the oldest connection is closed at once") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE(limit.rlim_cur > 3 * LingeringClose::kMaxPending);
  const Loop loop;
  Lingering lingering(loop);
  std::vector<Fd> clients;
  const std::size_t before = open_descriptors();
  for (std::size_t i = 0; i < LingeringClose::kMaxPending + 10; ++i) {
    TcpPair pair = tcp_pair();
    lingering.start(std::move(pair.server), "busy\n");
    clients.push_back(std::move(pair.client));
  }
  CHECK(lingering.closing.pending() == LingeringClose::kMaxPending);
  lingering.settle();
  CHECK(open_descriptors() == before + clients.size() + LingeringClose::kMaxPending);
  CHECK(receive_all(clients.front()).text == "busy\n");
}

}  // namespace
}  // namespace prefork
