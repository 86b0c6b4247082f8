// Listeners that are removed: who is connecting to them, and has not got the whole way yet, is accepted.
#include "supervisor/listen/listener_set.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "config/listen_address.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "tests/config/temp_directory.h"
#include "tests/support/handshake.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;

/// A set with one listener, and what it has accepted.
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
    look_.start(Callback::to<&OneListener::look>(*this));
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const ListenAddress& address() const { return address_; }
  [[nodiscard]] ListenSocket& socket() { return *set_.socket_at(address_); }
  [[nodiscard]] ListenerSet& set() { return set_; }
  [[nodiscard]] std::size_t accepted() const { return accepted_.size(); }
  void run_until_retired() { loop_.run(); }

 private:
  void accepted(Fd socket, ClientAddress /*client*/, ListenerIndex /*listener*/) override {
    accepted_.push_back(std::move(socket));
  }
  void look() {
    if (!set_.retiring()) loop_.stop();
  }

  Loop loop_;
  Log log_{2};
  ClientDescriptors clients_;
  ListenAddress address_;
  std::string name_;
  std::vector<Fd> accepted_;
  ListenerSet set_;
  BeforeSleepWatcher look_;
};

TEST_CASE("whose handshake is under way when the listener is removed is accepted within its retirement") {
  OneListener one("127.0.0.1:0");
  const Fd client = begin_handshake(one.name());
  one.set().replace({});
  CHECK(one.accepted() == 0);
  CHECK(one.set().present().empty());
  REQUIRE(one.set().retiring());
  send_all(client, "here");
  one.run_until_retired();
  CHECK(one.accepted() == 1);
}

TEST_CASE("a retirement that ends before its time accepts who has connected until then") {
  OneListener one("127.0.0.1:0");
  const Fd client = begin_handshake(one.name());
  one.set().replace({});
  send_all(client, "here");
  SUBCASE("its address is wanted") { one.set().vacate(one.address()); }
  SUBCASE("the pool stops") { one.set().accept_backlog(); }
  SUBCASE("all listeners are closed") { one.set().close(); }
  CHECK_FALSE(one.set().retiring());
  CHECK(one.accepted() == 1);
}

TEST_CASE("a unix listener that is removed accepts who has connected, and has retired at once") {
  const TempDirectory directory;
  OneListener one("unix:" + directory.at("pool.sock"));
  const Fd client = connect_to(one.socket());
  REQUIRE(client.valid());
  one.set().replace({});
  CHECK(one.accepted() == 1);
  CHECK_FALSE(one.set().retiring());
}

TEST_CASE(
    "a listener that another pool has taken over leaves it who is connecting, and has retired at once") {
  OneListener one("127.0.0.1:0");
  auto shared = one.socket().share(one.address());
  REQUIRE(shared.ok());
  ListenSocket next = std::move(shared).value();
  REQUIRE(next.take_over(one.socket()).ok());
  const Fd client = connect_to(next);
  one.set().replace({});
  CHECK(one.accepted() == 0);
  CHECK_FALSE(one.set().retiring());
  CHECK(accept_from(next).valid());
}

}  // namespace
}  // namespace prefork
