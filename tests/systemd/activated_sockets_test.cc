// The sockets that systemd passes at start: found by name, and copied.
#include "supervisor/systemd/activated_sockets.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "config/listen_address.h"
#include "supervisor/listen/listen_socket.h"

namespace prefork {
namespace {

Fd listening_socket() {
  auto opened = ListenSocket::open(parse_listen_address("127.0.0.1:0").value());
  REQUIRE(opened.ok());
  Fd copy(::dup(opened.value().descriptor()));
  REQUIRE(copy.valid());
  return copy;
}

ActivatedState state_of(const char* name, Fd socket) { return {name, Carried{socket.release()}}; }

std::string refusal(const ActivatedSockets& sockets, const char* name) {
  const auto found = sockets.find(name);
  return found.ok() ? "" : found.error().message();
}

TEST_CASE("a socket is found by its name, as a copy that can be closed") {
  const ActivatedSockets sockets = ActivatedSockets::adopt({state_of("web", listening_socket())});
  for (int i = 0; i < 2; ++i) {
    auto copy = sockets.find("web");
    REQUIRE(copy.ok());
    CHECK(copy.value().get() != static_cast<int>(sockets.state().at(0).socket));
  }
}

TEST_CASE("an unknown name is refused with the names there are") {
  const ActivatedSockets sockets =
      ActivatedSockets::adopt({state_of("web", listening_socket()), state_of("api", listening_socket())});
  CHECK(refusal(sockets, "wob") == "listen systemd:wob: no such socket was handed over; there are: web, api");
  CHECK(refusal(ActivatedSockets(), "web").find("is the .socket unit started?") != std::string::npos);
}

TEST_CASE("a name of several sockets is refused") {
  const ActivatedSockets sockets =
      ActivatedSockets::adopt({state_of("web", listening_socket()), state_of("web", listening_socket())});
  CHECK(refusal(sockets, "web").find("there are several sockets of this name") != std::string::npos);
}

TEST_CASE("a socket that does not listen for streams is refused") {
  Fd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(datagrams.valid());
  const ActivatedSockets sockets = ActivatedSockets::adopt({state_of("web", std::move(datagrams))});
  CHECK(refusal(sockets, "web").find("no listening stream socket") != std::string::npos);
}

}  // namespace
}  // namespace prefork
