// Listeners that are removed: a connection whose handshake is in flight is accepted.
#include "supervisor/listen/listener_set.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/listen_address.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "tests/config/temp_directory.h"
#include "tests/support/eventually.h"
#include "tests/support/handshake.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;

/// A set with one listener, and the sockets that it has accepted.
class OneListener final : private Listener::Owner {
 public:
  explicit OneListener(const std::string& address)
      : address_(parse_listen_address(address).value()),
        set_(loop_, log_, clients_, static_cast<Listener::Owner&>(*this)),
        look_(loop_) {
    auto socket = ListenSocket::open(address_);
    REQUIRE(socket.ok());
    name_ = socket.value().name();
    std::vector<ListenSocket> sockets;
    sockets.push_back(std::move(socket).value());
    set_.replace(std::move(sockets));
    set_.set_accepting(true);
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const ListenAddress& address() const { return address_; }
  [[nodiscard]] ListenSocket& socket() { return set_.configured().front()->socket(); }
  [[nodiscard]] ListenerSet& set() { return set_; }
  [[nodiscard]] std::size_t accepted() const { return accepted_.size(); }
  [[nodiscard]] const std::vector<bool>& proxied() const { return proxied_; }
  void run_until_accepted(std::size_t count) {
    eventually("it has accepted them", [&] {
      loop_.run_once();
      return accepted_.size() == count;
    });
  }
  void run_until_drained() {
    look_.start(Callback::to<&OneListener::look>(*this));
    loop_.run();
  }

 private:
  void accepted(Fd socket, ClientAddress /*client*/, ListenerIndex /*listener*/, bool proxied) override {
    proxied_.push_back(proxied);
    accepted_.push_back(std::move(socket));
  }
  void look() {
    if (!set_.draining()) loop_.stop();
  }

  Loop loop_;
  Log log_{2};
  ClientDescriptors clients_;
  ListenAddress address_;
  std::string name_;
  std::vector<Fd> accepted_;
  std::vector<bool> proxied_;
  ListenerSet set_;
  BeforeSleepWatcher look_;
};

TEST_CASE(
    "a connection whose handshake is in flight when the listener is removed is accepted while it drains") {
  OneListener one("127.0.0.1:0");
  const Fd client = begin_handshake(one.name());
  one.set().replace({});
  CHECK(one.accepted() == 0);
  CHECK(one.set().configured().empty());
  REQUIRE(one.set().draining());
  send_all(client, "here");
  one.run_until_drained();
  CHECK(one.accepted() == 1);
}

TEST_CASE(
    "FAULTS 315: a reload of proxy_protocol counts for what is accepted after it, the backlog included") {
  OneListener one("unix:@proxied");
  const Fd before = connect_to(one.socket());
  one.run_until_accepted(1);
  const Fd in_backlog = connect_to(one.socket());
  ListenAddress address = one.address();
  address.proxy_protocol = true;
  auto shared = one.socket().share(address);
  REQUIRE(shared.ok());
  REQUIRE(shared.value().take_over(one.socket()).ok());
  std::vector<ListenSocket> sockets;
  sockets.push_back(std::move(shared).value());
  one.set().replace(std::move(sockets));
  one.run_until_accepted(2);
  CHECK(one.proxied() == std::vector<bool>{false, true});
}

/// The numbers of the listeners after a reload to these addresses.
std::vector<ListenerIndex> numbers_after(ListenerSet& set, const std::vector<std::string>& addresses) {
  constexpr auto kStable = ListenerSet::Numbering::kStable;
  const auto open = [&] {
    std::vector<ListenSocket> sockets;
    for (const std::string& text : addresses) {
      const ListenAddress address = parse_listen_address(text).value();
      const ListenSocket* running = nullptr;
      for (const auto& one : set.configured()) {
        if (one->socket().address() == address) running = &one->socket();
      }
      auto opened = running == nullptr ? ListenSocket::open(address) : running->share(address);
      REQUIRE(opened.ok());
      opened.value().set_entry(static_cast<ListenerIndex>(sockets.size()));
      sockets.push_back(std::move(opened).value());
    }
    return sockets;
  };
  std::vector<ListenSocket> sockets = open();
  const std::vector<ListenTarget> planned = set.targets_after(sockets, kStable);
  set.replace(std::move(sockets), kStable);
  std::vector<ListenerIndex> numbers;
  for (const ListenTarget& target : set.targets()) numbers.push_back(target.index);
  REQUIRE(planned.size() == numbers.size());
  for (std::size_t i = 0; i < planned.size(); ++i) CHECK(planned[i].index == numbers[i]);
  return numbers;
}

TEST_CASE(
    "FAULTS 274: a listener keeps the number that workers were told, whatever is before it in the file") {
  using Numbers = std::vector<ListenerIndex>;
  OneListener one("unix:@numbers-a");
  ListenerSet& set = one.set();
  CHECK(numbers_after(set, {"unix:@numbers-a", "unix:@numbers-b", "unix:@numbers-c"}) == Numbers{0, 1, 2});
  CHECK(numbers_after(set, {"unix:@numbers-c", "unix:@numbers-b"}) == Numbers{2, 1});
  CHECK(numbers_after(set, {"unix:@numbers-d", "unix:@numbers-b", "unix:@numbers-c"}) == Numbers{0, 1, 2});
  const std::vector<ListenerState> carried = set.state();
  CHECK(carried.back().index == 2);
  CHECK(carried.back().entry == 2);
}

TEST_CASE("a drain that ends early accepts the connections that are established by then") {
  OneListener one("127.0.0.1:0");
  const Fd client = begin_handshake(one.name());
  one.set().replace({});
  send_all(client, "here");
  SUBCASE("its address is wanted") { one.set().end_drain_at(one.address()); }
  SUBCASE("the pool stops") { one.set().drain_backlogs(); }
  SUBCASE("all listeners are closed") { one.set().close(); }
  CHECK_FALSE(one.set().draining());
  CHECK(one.accepted() == 1);
}

TEST_CASE("a unix listener that is removed accepts the backlog, and is drained at once") {
  const TempDirectory directory;
  OneListener one("unix:" + directory.at("pool.sock"));
  const Fd client = connect_to(one.socket());
  REQUIRE(client.valid());
  one.set().replace({});
  CHECK(one.accepted() == 1);
  CHECK_FALSE(one.set().draining());
}

TEST_CASE(
    "a listener that another pool has taken over leaves the backlog to that pool, and is drained at once") {
  OneListener one("127.0.0.1:0");
  auto shared = one.socket().share(one.address());
  REQUIRE(shared.ok());
  ListenSocket next = std::move(shared).value();
  REQUIRE(next.take_over(one.socket()).ok());
  const Fd client = connect_to(next);
  one.set().replace({});
  CHECK(one.accepted() == 0);
  CHECK_FALSE(one.set().draining());
  CHECK(accept_from(next).valid());
}

}  // namespace
}  // namespace prefork
