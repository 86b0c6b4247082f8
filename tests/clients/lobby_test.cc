// The lobby: each watch reports once what its client does, however early or late that happens.
#include "supervisor/clients/lobby.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <map>
#include <utility>
#include <vector>

#include "supervisor/clients/client_sign.h"
#include "tests/support/eventually.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;
using event::ClientSign;
using Seen = std::vector<std::pair<std::uint64_t, ClientSign>>;

/// A lobby, and the sockets in it by the numbers of their tickets.
class Watched final : private Lobby::Owner {
 public:
  /// A new connection, which is watched.
  TcpPair& enter(std::uint64_t number) {
    TcpPair& pair = add(number);
    watch(number);
    return pair;
  }
  TcpPair& add(std::uint64_t number) { return pairs_[number] = tcp_pair(); }
  void watch(std::uint64_t number, bool again = false) {
    const auto watched = lobby_.watch(Ticket{number}, pairs_.at(number).server, again);
    REQUIRE_MESSAGE(watched.ok(), watched.error().message());
  }
  [[nodiscard]] bool can_watch(std::uint64_t number, bool again) {
    return lobby_.watch(Ticket{number}, pairs_.at(number).server, again).ok();
  }
  void forget(std::uint64_t number) { lobby_.forget(pairs_.at(number).server); }
  [[nodiscard]] TcpPair& at(std::uint64_t number) { return pairs_.at(number); }

  /// The first `count` reports.
  Seen see(std::size_t count) {
    wanted_ = count;
    seen_.clear();
    timeout_.start(kPatience, Callback::to<&Watched::give_up>(*this));
    loop_.run();
    REQUIRE_FALSE(gave_up_);
    return std::exchange(seen_, {});
  }
  /// All reports that are due: those before the report on a client that asks now.
  Seen see_all() {
    TcpPair& last = enter(kLast);
    send_all(last.client, "x");
    await_unread(last.server, 1);
    until_ = kLast;
    Seen all = see(SIZE_MAX);
    until_ = 0;
    all.pop_back();
    lobby_.forget(last.server);
    return all;
  }

 private:
  static constexpr std::uint64_t kLast = 1'000'000;

  void seen(Ticket ticket, std::uint32_t events) override {
    const Glance glance = glance_of(events);
    seen_.emplace_back(ticket.value,
                       glance.needs_unread ? look_at(pairs_.at(ticket.value).server) : glance.sign);
    if (seen_.size() >= wanted_ || ticket.value == until_) loop_.stop();
  }
  void give_up() {
    gave_up_ = true;
    loop_.stop();
  }

  std::map<std::uint64_t, TcpPair> pairs_;
  Loop loop_;
  Lobby lobby_{loop_, *this};
  TimerWatcher timeout_{loop_};
  Seen seen_;
  std::size_t wanted_ = 1;
  std::uint64_t until_ = 0;
  bool gave_up_ = false;
};

TEST_CASE("a client that sends something is reported once, a silent one is not") {
  Watched lobby;
  lobby.enter(1);
  send_all(lobby.enter(2).client, "hello");
  CHECK(lobby.see(1) == Seen{{2, ClientSign::kAsks}});
  send_all(lobby.at(2).client, "more");
  await_unread(lobby.at(2).server, 9);
  CHECK(lobby.see_all().empty());
}

TEST_CASE("a client that leaves is reported once, as ended or gone or, after a request, as asking") {
  Watched lobby;
  TcpPair& pair = lobby.enter(1);
  ClientSign sign = ClientSign::kEnded;
  SUBCASE("it ends") { REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0); }
  SUBCASE("it closes") { pair.client.reset(); }
  SUBCASE("it is reset") {
    reset_connection(pair.client);
    sign = ClientSign::kGone;
  }
  SUBCASE("it ends after a request") {
    send_all(pair.client, "hello");
    REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0);
    await_hang_up(pair.server);
    sign = ClientSign::kAsks;
  }
  CHECK(lobby.see(1) == Seen{{1, sign}});
  CHECK(lobby.see_all().empty());
}

TEST_CASE("FAULTS 72: what a client did before it is watched is reported, too") {
  Watched lobby;
  send_all(lobby.add(1).client, "hello");
  lobby.add(2).client.reset();
  await_unread(lobby.at(1).server, 5);
  await_hang_up(lobby.at(2).server);
  lobby.watch(1);
  lobby.watch(2);
  CHECK(lobby.see_all() == Seen{{1, ClientSign::kAsks}, {2, ClientSign::kEnded}});
}

TEST_CASE("a client is watched again after it has been reported, or before") {
  Watched lobby;
  TcpPair& pair = lobby.enter(1);
  lobby.watch(1, /*again=*/true);
  CHECK(lobby.see_all().empty());
  send_all(pair.client, "hello");
  CHECK(lobby.see(1) == Seen{{1, ClientSign::kAsks}});
  lobby.watch(1, /*again=*/true);
  CHECK(lobby.see(1) == Seen{{1, ClientSign::kAsks}});
  char bytes[5];
  REQUIRE(::recv(pair.server.get(), bytes, sizeof(bytes), MSG_WAITALL) == 5);
  lobby.watch(1, /*again=*/true);
  CHECK(lobby.see_all().empty());
  pair.client.reset();
  CHECK(lobby.see(1) == Seen{{1, ClientSign::kEnded}});
}

TEST_CASE("a forgotten socket is not reported, though there is a copy of it") {
  Watched lobby;
  TcpPair& pair = lobby.enter(1);
  const Fd copy(::fcntl(pair.server.get(), F_DUPFD_CLOEXEC, 0));
  lobby.forget(1);
  send_all(pair.client, "hello");
  await_unread(copy, 5);
  CHECK(lobby.see_all().empty());
  CHECK(lobby.can_watch(1, /*again=*/false));
  CHECK(lobby.see(1) == Seen{{1, ClientSign::kAsks}});
}

TEST_CASE("a reported socket may be closed while there is a copy of it") {
  Watched lobby;
  TcpPair& pair = lobby.enter(1);
  const Fd copy(::fcntl(pair.server.get(), F_DUPFD_CLOEXEC, 0));
  send_all(pair.client, "hello");
  CHECK(lobby.see(1).size() == 1);
  pair.server.reset();
  pair.client.reset();
  await_hang_up(copy);
  CHECK(lobby.see_all().empty());
}

TEST_CASE("all clients that do something at the same time are reported, however many, each once") {
  Watched lobby;
  constexpr std::uint64_t kMany = Lobby::kSeenPerWakeUp * 2 + 3;
  for (std::uint64_t number = 1; number <= kMany; ++number) send_all(lobby.enter(number).client, "x");
  for (std::uint64_t number = 1; number <= kMany; ++number) await_unread(lobby.at(number).server, 1);
  std::map<std::uint64_t, int> times;
  for (const auto& [number, sign] : lobby.see(kMany)) ++times[number];
  CHECK(times.size() == kMany);
  CHECK(lobby.see_all().empty());
}

TEST_CASE("a socket that the lobby does not know cannot be watched again") {
  Watched lobby;
  lobby.add(1);
  CHECK_FALSE(lobby.can_watch(1, /*again=*/true));
  CHECK(lobby.can_watch(1, /*again=*/false));
}

}  // namespace
}  // namespace prefork
