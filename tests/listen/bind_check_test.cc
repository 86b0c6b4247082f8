// Whether a supervisor that starts now could listen at an address.
#include "supervisor/listen/bind_check.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "proto/fd.h"

using namespace prefork;

namespace {

/// A listener at 127.0.0.2, and its port.
struct Listener {
  Listener() {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    socklen_t size = sizeof(name);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0);
    REQUIRE(::listen(socket.get(), 1) == 0);
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
    port = ntohs(name.sin_port);
  }
  Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;
};

}  // namespace

TEST_CASE("FAULTS 150: each address of a host name is looked at, and the one in use is named") {
  const Listener other;
  ListenAddress address;
  address.host = "nothing.test";  // resolved when the file was read, and not again
  address.port = other.port;
  address.answers.hosts = {"127.0.0.1", "127.0.0.2"};
  const auto fault = bind_fault(address);
  REQUIRE(fault);
  CHECK(fault->in_use);
  CHECK(fault->text == "127.0.0.2: another process listens there, or at an address that overlaps");
  address.answers.hosts = {"127.0.0.2"};
  CHECK(bind_fault(address)->text == "another process listens there, or at an address that overlaps");
  address.answers.hosts = {"127.0.0.1", "127.0.0.3"};
  CHECK_FALSE(bind_fault(address));
}
