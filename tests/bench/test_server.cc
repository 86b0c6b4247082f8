#include "tests/bench/test_server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <utility>

namespace prefork::bench {

TestServer::TestServer(std::function<void(int)> serve)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  address_.sin_family = AF_INET;
  address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address_);
  REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address_), size) == 0);
  REQUIRE(::listen(listener_.get(), 128) == 0);
  REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &size) == 0);
  thread_ = std::jthread([this, serve = std::move(serve)] {
    for (;;) {
      const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection.valid()) return;
      ++accepted_;
      serve(connection.get());
    }
  });
}

TestServer::~TestServer() {
  // Ends the accept() that the thread waits in.
  (void)::shutdown(listener_.get(), SHUT_RDWR);
}

}  // namespace prefork::bench
