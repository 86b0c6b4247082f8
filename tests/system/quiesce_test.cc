// A listening socket before it is closed.
#include "supervisor/system/quiesce.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "config/listen_address.h"
#include "tests/config/temp_directory.h"
#include "tests/support/sockets.h"

namespace prefork {
namespace {

using namespace test;

TEST_CASE("no new connection gets in, and the backlog is still accepted") {
  const TempDirectory directory;
  for (const std::string& text :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + directory.at("pool.sock")}) {
    CAPTURE(text);
    const auto opened = ListenSocket::open(parse_listen_address(text).value());
    REQUIRE(opened.ok());
    const ListenSocket& socket = opened.value();
    const Fd waiting = connect_to(socket);
    send_all(waiting, "waiting");
    REQUIRE(quiesce(socket.descriptor()).ok());
    sockaddr_storage name{};
    socklen_t size = sizeof(name);
    REQUIRE(::getsockname(socket.descriptor(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
    const Fd late(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    CHECK(::connect(late.get(), reinterpret_cast<const sockaddr*>(&name), size) < 0);
    const Fd server = accept_from(socket);
    REQUIRE(server.valid());
    await_unread(server, 7);
    send_all(server, "answer");
    CHECK_FALSE(Fd(::accept4(socket.descriptor(), nullptr, nullptr, SOCK_CLOEXEC)).valid());
  }
}

TEST_CASE("a descriptor that is no socket is refused") {
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(quiesce(file.get()).ok());
}

}  // namespace
}  // namespace prefork
