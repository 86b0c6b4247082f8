// The client sockets of one pool: each action of the core on a connection, as its client and the worker that
// holds a copy see it.
#include "supervisor/clients/client_sockets.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/clients/client_sign.h"
#include "tests/support/eventually.h"
#include "tests/support/refused_watches.h"
#include "tests/support/socket_lock.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;
using event::ClientSign;
using How = action::End::How;

action::Dispatch dispatch_of(Ticket ticket) {
  action::Dispatch dispatch;
  dispatch.worker = WorkerId{7};
  dispatch.ticket = ticket;
  return dispatch;
}

action::Dispatch answered_before(Ticket ticket) {
  action::Dispatch dispatch = dispatch_of(ticket);
  dispatch.answered = true;
  return dispatch;
}

Fd copy_of(const Fd& socket) { return Fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0)); }

/// Client sockets, and the events that they have told.
class Clients final : private CoreEventSink, private ClientSockets::Owner {
  Loop loop_;
  Log log_{2};
  Closer closer_{loop_, log_};

 public:
  ClientSockets sockets{loop_, *this, closer_, *this};
  /// Called once, within the next event that is told.
  std::function<void()> on_event;
  bool parked_at_once = false;  ///< the connection that was sent last says so

  /// Takes the server's end. The worker's copy of it stays with `pair`.
  Ticket add(TcpPair& pair) {
    Fd copy = copy_of(pair.server);
    const Ticket ticket = sockets.add(std::exchange(pair.server, std::move(copy)));
    REQUIRE(static_cast<bool>(ticket));
    return ticket;
  }
  /// The next event, which must be of this kind; waits for it.
  template <typename Specific>
  Specific next() {
    timeout_.start(kPatience, Callback::to<&Clients::stop>(*this));
    if (events_.empty()) loop_.run();
    REQUIRE(events_.size() == 1);
    const Event event = events_.front();
    events_.clear();
    REQUIRE(std::holds_alternative<Specific>(event));
    return std::get<Specific>(event);
  }
  /// The next events, so many of them; waits for them.
  std::vector<Event> next_events(std::size_t count) {
    timeout_.start(kPatience, Callback::to<&Clients::stop>(*this));
    while (events_.size() < count && timeout_.active()) loop_.run();
    REQUIRE(events_.size() == count);
    return std::exchange(events_, {});
  }
  /// Has the connection sent to a worker. False: its client has left.
  [[nodiscard]] bool dispatch(const action::Dispatch& action) {
    sent_.clear();
    sockets.perform(action);
    timeout_.start(kPatience, Callback::to<&Clients::stop>(*this));
    if (events_.empty() && sent_.empty()) loop_.run();
    CHECK(events_.size() + sent_.size() == 1);
    return sent_ == std::vector{action.ticket};
  }
  /// Waits until a connection is sent to a worker.
  void await_sent() {
    timeout_.start(kPatience, Callback::to<&Clients::stop>(*this));
    if (sent_.empty()) loop_.run();
    REQUIRE(sent_.size() == 1);
  }
  [[nodiscard]] bool nothing_sent() const { return sent_.empty(); }
  void forget_sent() { sent_.clear(); }
  /// Handles what has happened, and all jobs of the Closer; no event may come of it.
  void expect_none() {
    loop_.run_once();
    settle();
    CHECK(events_.empty());
  }
  void settle() { REQUIRE(closer_.settle(kPatience)); }
  /// Runs until no lingering close is pending, or the time is over.
  void finish_closes() {
    timeout_.start(kPatience, Callback::to<&Clients::stop>(*this));
    BeforeSleepWatcher look(loop_);
    look.start(Callback::to<&Clients::look>(*this));
    loop_.run();
    CHECK(sockets.pending_closes() == 0);
  }

 private:
  void tell(const Event& event) override {
    events_.push_back(event);
    if (const auto act = std::exchange(on_event, nullptr)) act();
    loop_.stop();
  }
  void send(const action::Dispatch& action) override {
    sent_.push_back(action.ticket);
    parked_at_once = action.park_at_once;
    loop_.stop();
  }
  void gave_up(const std::string& /*client*/, unsigned /*times*/) override {}
  void stop() { loop_.stop(); }
  void look() {
    if (sockets.pending_closes() == 0) loop_.stop();
  }

  TimerWatcher timeout_{loop_};
  std::vector<Event> events_;
  std::vector<Ticket> sent_;
};

/// A connection that a worker has, and whose client has sent a request.
Ticket dispatch_with_request(Clients& clients, TcpPair& pair) {
  const Ticket ticket = clients.add(pair);
  CHECK(clients.dispatch(dispatch_of(ticket)));
  send_all(pair.client, "hello");
  await_unread(pair.server, 5);
  return ticket;
}

/// As the worker does.
void read_request(const TcpPair& pair) {
  char bytes[5];
  REQUIRE(::recv(pair.server.get(), bytes, sizeof(bytes), MSG_WAITALL) == 5);
}

TEST_CASE("FAULTS 532: a look that a process delays is answered once, by the report that it is stuck") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  REQUIRE(clients.dispatch(dispatch_of(ticket)));
  SocketLock lock(pair.server.get());
  if (!lock.held()) {
    MESSAGE("not tested: userfaultfd is not allowed");
    return;
  }
  clients.sockets.perform(action::Inspect{ticket});
  const auto events = clients.next_events(2);
  CHECK(std::holds_alternative<event::SocketBlocked>(events[0]));
  REQUIRE(std::holds_alternative<event::Inspected>(events[1]));
  CHECK_FALSE(std::get<event::Inspected>(events[1]).untouched);
  lock.release();
  clients.expect_none();
}

TEST_CASE("a watched client is reported once, when it asks or leaves") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  clients.sockets.perform(action::Watch{ticket});
  clients.expect_none();
  ClientSign sign = ClientSign::kAsks;
  SUBCASE("it asks") { send_all(pair.client, "hello"); }
  SUBCASE("it leaves") {
    pair.client.reset();
    sign = ClientSign::kEnded;
  }
  const auto seen = clients.next<event::ClientSeen>();
  CHECK(seen.ticket == ticket);
  CHECK(seen.sign == sign);
  clients.expect_none();
}

TEST_CASE("a connection that is watched a second time is reported a second time") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  send_all(pair.client, "hello");
  for (int time = 0; time < 2; ++time) {
    clients.sockets.perform(action::Watch{ticket});
    CHECK(clients.next<event::ClientSeen>().sign == ClientSign::kAsks);
  }
}

TEST_CASE("FAULTS 110: a connection that is dispatched or ended is not looked at any more") {
  Clients clients;
  TcpPair first = tcp_pair();
  TcpPair second = tcp_pair();
  const Ticket asks = clients.add(first);
  const Ticket other = clients.add(second);
  clients_are_refused = true;
  clients.sockets.perform(action::Watch{asks});
  clients.sockets.perform(action::Watch{other});
  for (const TcpPair* pair : {&first, &second}) {
    send_all(pair->client, "hello");
    await_unread(pair->server, 5);
  }
  SUBCASE("dispatched") {
    clients.on_event = [&] { clients.sockets.perform(dispatch_of(other)); };
  }
  SUBCASE("ended") {
    clients.on_event = [&] { clients.sockets.perform(action::End{other, How::kClose}); };
  }
  const auto seen = clients.next<event::ClientSeen>();
  clients_are_refused = false;
  CHECK(seen.ticket == asks);
  CHECK(seen.sign == ClientSign::kAsks);
}

TEST_CASE("FAULTS 110: a connection that the kernel refuses to watch is watched after an upgrade") {
  Clients before;
  TcpPair pair = tcp_pair();
  const Ticket ticket = before.add(pair);
  clients_are_refused = true;
  before.sockets.perform(action::Watch{ticket});
  PoolState state;
  before.sockets.write_state(state);
  clients_are_refused = false;
  REQUIRE(state.sockets.size() == 1);
  state.sockets[0].socket = Carried{copy_of(before.sockets.at(ticket)).release()};
  Clients after;
  CHECK(after.sockets.adopt(state).empty());
  after.sockets.resume();
  send_all(pair.client, "hello");
  CHECK(after.next<event::ClientSeen>().ticket == ticket);
}

TEST_CASE("a look reports at once what the client does") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  ClientSign sign = ClientSign::kSilent;
  SUBCASE("nothing") {}
  SUBCASE("it asks") {
    send_all(pair.client, "hello");
    await_unread(pair.server, 5);
    sign = ClientSign::kAsks;
  }
  SUBCASE("it has left") {
    pair.client.reset();
    await_hang_up(pair.server);
    sign = ClientSign::kEnded;
  }
  clients.sockets.perform(action::Look{ticket});
  CHECK(clients.next<event::ClientSeen>().sign == sign);
}

TEST_CASE(
    "a connection whose client has left while it was queued is not sent, if it is to be looked at first") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  pair.client.reset();
  await_hang_up(pair.server);
  action::Dispatch dispatch = dispatch_of(ticket);
  dispatch.look_first = true;
  CHECK_FALSE(clients.dispatch(dispatch));
  const auto failed = clients.next<event::DispatchFailed>();
  CHECK(failed.worker == dispatch.worker);
  CHECK(failed.ticket == ticket);
  CHECK(failed.cause == event::DispatchFailed::Cause::kClientLeft);
  CHECK(clients.dispatch(dispatch_of(ticket)));
}

TEST_CASE("FAULTS 108: with serve_ended a client that has ended its side is served, unless it is gone") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  action::Dispatch dispatch = dispatch_of(ticket);
  dispatch.look_first = true;
  SUBCASE("it came back from another worker") {
    REQUIRE(clients.dispatch(dispatch_of(ticket)));
    dispatch.came_back = true;
  }
  SUBCASE("no worker had it") {}
  REQUIRE(::shutdown(pair.client.get(), SHUT_WR) == 0);
  await_hang_up(pair.server);
  CHECK_FALSE(clients.dispatch(dispatch));
  CHECK(clients.next<event::DispatchFailed>().cause == event::DispatchFailed::Cause::kClientLeft);
  dispatch.serve_ended = true;
  CHECK(clients.dispatch(dispatch));
  reset_connection(pair.client);
  eventually("the reset arrives", [&] { return look_at(pair.server) == ClientSign::kGone; });
  CHECK_FALSE(clients.dispatch(dispatch));
}

TEST_CASE("a connection that comes back from a worker loses the options that the worker has set") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  REQUIRE(::fcntl(pair.server.get(), F_SETFL, O_NONBLOCK) == 0);
  CHECK(clients.dispatch(dispatch_of(ticket)));
  action::Dispatch dispatch = dispatch_of(ticket);
  dispatch.came_back = true;
  CHECK(clients.dispatch(dispatch));
  CHECK((::fcntl(clients.sockets.at(ticket).get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("FAULTS 523: a connection that is prepared while its worker gets a Yield is not kept by it") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  CHECK(clients.dispatch(dispatch_of(ticket)));
  clients.forget_sent();
  action::Dispatch again = answered_before(ticket);
  again.may_park = true;
  clients.sockets.perform(again);
  REQUIRE(clients.nothing_sent());  // it was not measured before, so a job comes first
  WorkerId asked = again.worker;
  bool kept = false;
  SUBCASE("its own worker") {}
  SUBCASE("another worker") {
    asked = WorkerId{8};
    kept = true;
  }
  clients.sockets.perform(action::SendYield{asked});
  clients.await_sent();
  CHECK(clients.parked_at_once == !kept);
}

TEST_CASE("FAULTS 527: a connection that is still being prepared for its worker is untouched") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = dispatch_with_request(clients, pair);
  read_request(pair);
  clients.forget_sent();
  clients.sockets.perform(answered_before(ticket));
  REQUIRE(clients.nothing_sent());
  clients.sockets.perform(action::Inspect{ticket});
  CHECK(clients.next<event::Inspected>().untouched);
}

TEST_CASE("an inspection says whether a worker has read a request or answered it since the last dispatch") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = dispatch_with_request(clients, pair);
  bool untouched = true;
  bool answered = false;
  SUBCASE("neither") {}
  SUBCASE("read") {
    read_request(pair);
    untouched = false;
  }
  SUBCASE("answered") {
    send_all(pair.server, "welcome");
    untouched = false;
    answered = true;
  }
  SUBCASE("answered before that dispatch") {
    send_all(pair.server, "welcome");
    CHECK(clients.dispatch(answered_before(ticket)));
  }
  clients.sockets.perform(action::Inspect{ticket});
  const auto inspected = clients.next<event::Inspected>();
  CHECK(inspected.ticket == ticket);
  CHECK(inspected.untouched == untouched);
  CHECK(inspected.answered == answered);
}

TEST_CASE("our copy is closed, and the connection goes on in the worker") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  clients.sockets.perform(action::CloseCopy{ticket});
  clients.settle();
  CHECK_FALSE(clients.sockets.at(ticket).valid());
  send_all(pair.server, "welcome");
  clients.sockets.perform(action::End{ticket, How::kClose});
  pair.server.reset();
  const ReceivedText received = receive_all(pair.client);
  CHECK(received.text == "welcome");
  CHECK(received.error == 0);
}

TEST_CASE(
    "a dismissed connection ends though its worker holds a copy; crash_reply is sent if nothing was before") {
  Clients clients;
  clients.sockets.set_replies("", "crashed\n");
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  std::string reply = "crashed\n";
  SUBCASE("nothing was sent") {}
  SUBCASE("the worker has begun to answer") {
    send_all(pair.server, "wel");
    reply = "wel";
  }
  SUBCASE("there is no crash_reply") {
    clients.sockets.set_replies("", "");
    reply = "";
  }
  clients.sockets.perform(action::Dismiss{ticket});
  clients.settle();
  CHECK(receive_all(pair.client).text == reply);
  CHECK(::send(pair.server.get(), "x", 1, MSG_NOSIGNAL) < 0);
  clients.sockets.perform(action::End{ticket, How::kClose});
}

TEST_CASE("the end of a connection: what its client sees while a worker still holds a copy") {
  Clients clients;
  clients.sockets.set_replies("busy\n", "crashed\n");
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  How how = How::kClose;
  std::optional<std::string> received = "";
  SUBCASE("closed: nothing") { received.reset(); }
  SUBCASE("hung up: the end") { how = How::kHangUp; }
  SUBCASE("cut: the end") { how = How::kCut; }
  SUBCASE("rejected: reject_with and the end") {
    how = How::kReject;
    received = "busy\n";
  }
  SUBCASE("rejected without reject_with: nothing") {
    clients.sockets.set_replies("", "crashed\n");
    how = How::kReject;
    received.reset();
  }
  SUBCASE("crashed: crash_reply and the end") {
    how = How::kCrash;
    received = "crashed\n";
  }
  SUBCASE("crashed without crash_reply: the end") {
    clients.sockets.set_replies("busy\n", "");
    how = How::kCrash;
  }
  clients.sockets.perform(action::End{ticket, how});
  clients.settle();
  const bool lingers = received && !received->empty();
  CHECK(clients.sockets.pending_closes() == (lingers ? 1U : 0U));
  if (received) {
    CHECK(receive_all(pair.client).text == *received);
    pair.client.reset();
    clients.finish_closes();
  } else {
    char byte = 0;
    CHECK(::recv(pair.client.get(), &byte, 1, MSG_DONTWAIT) < 0);
    CHECK(errno == EAGAIN);
  }
}

TEST_CASE("an ended connection that was watched reports nothing, though a worker holds a copy") {
  Clients clients;
  TcpPair pair = tcp_pair();
  const Ticket ticket = clients.add(pair);
  clients.sockets.perform(action::Watch{ticket});
  clients.sockets.perform(action::End{ticket, How::kClose});
  send_all(pair.client, "hello");
  await_unread(pair.server, 5);
  clients.expect_none();
}

TEST_CASE("after an upgrade in place a connection keeps its ticket and its counters, and is watched again") {
  Clients before;
  TcpPair pair = tcp_pair();
  const Ticket ticket = before.add(pair);
  CHECK(before.dispatch(dispatch_of(ticket)));
  send_all(pair.server, "welcome");
  CHECK(before.dispatch(answered_before(ticket)));
  before.sockets.perform(action::Watch{ticket});
  PoolState state;
  before.sockets.write_state(state);
  REQUIRE(state.sockets.size() == 1);
  // Both owners are in this process: the second one gets a descriptor of its own.
  state.sockets[0].socket = Carried{copy_of(before.sockets.at(ticket)).release()};

  Clients after;
  CHECK(after.sockets.adopt(state).empty());
  send_all(pair.client, "hello");
  await_unread(pair.server, 5);
  after.expect_none();
  after.sockets.resume();
  CHECK(after.next<event::ClientSeen>().ticket == ticket);
  after.sockets.perform(action::Inspect{ticket});
  CHECK(after.next<event::Inspected>().untouched);
}

TEST_CASE("after an upgrade in place a pending lingering close goes on") {
  Clients before;
  before.sockets.set_replies("busy\n", "");
  TcpPair pair = tcp_pair();
  before.sockets.perform(action::End{before.add(pair), How::kReject});
  PoolState state;
  before.sockets.write_state(state);
  REQUIRE(state.lingering_closes.size() == 1);
  state.lingering_closes[0].socket = Carried{copy_of(pair.server).release()};
  Clients after;
  CHECK(after.sockets.adopt(state).empty());
  CHECK(after.sockets.pending_closes() == 1);
  pair.client.reset();
  after.finish_closes();
}

TEST_CASE("a state with a ticket that was never given is refused") {
  Clients before;
  PoolState state;
  before.sockets.write_state(state);
  state.sockets.push_back({Ticket{1}, Carried::kNone});
  Clients after;
  CHECK(after.sockets.adopt(state) == ": a ticket that was never given");
}

}  // namespace
}  // namespace prefork
