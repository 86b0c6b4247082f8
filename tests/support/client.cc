#include "tests/support/client.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>

#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

bool is_readable(int descriptor, std::chrono::milliseconds patience) {
  pollfd state{.fd = descriptor, .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&state, 1, static_cast<int>(patience.count()));
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

Fd connect_unix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const bool abstract = path.starts_with('@');
  REQUIRE(path.size() < sizeof(name.sun_path));
  std::memcpy(name.sun_path, path.data(), path.size());
  if (abstract) name.sun_path[0] = '\0';
  const auto size = offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), static_cast<socklen_t>(size)) < 0)
    return Fd();
  return socket;
}

Fd connect_tcp(const std::string& address, const std::string& from) {
  const std::size_t colon = address.rfind(':');
  REQUIRE(colon != std::string::npos);
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const char* name = host.empty() ? "127.0.0.1" : host.c_str();
  REQUIRE(::getaddrinfo(name, address.substr(colon + 1).c_str(), &wanted, &found) == 0);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Fd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!from.empty()) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, from.c_str(), &own.sin_addr) == 1);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) < 0) return Fd();
  }
  if (::connect(socket.get(), found->ai_addr, found->ai_addrlen) < 0) return Fd();
  return socket;
}

}  // namespace

Client::Client(const std::string& address, const std::string& from)
    : socket_(address.starts_with("unix:") ? connect_unix(address.substr(5)) : connect_tcp(address, from)) {
  REQUIRE_MESSAGE(socket_.valid(), "cannot connect to ", address, ": ", std::strerror(errno));
}

void Client::send(std::string_view text) {
  // A server that has closed already is for receive() to see.
  (void)::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

std::string Client::receive() { return receive(std::numeric_limits<std::size_t>::max()); }

std::string Client::receive(std::size_t size) {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() < size) {
    const bool readable = is_readable(socket_.get(), kPatience);
    REQUIRE_MESSAGE(readable, "no answer; got so far: ", text);
    const std::size_t room = std::min(buffer.size(), size - text.size());
    const ssize_t received = ::recv(socket_.get(), buffer.data(), room, 0);
    if (received <= 0) {
      end_ = received == 0 ? End::kEof : End::kReset;
      break;
    }
    text.append(buffer.data(), static_cast<std::size_t>(received));
  }
  return text;
}

std::string Client::receive_some() {
  std::array<char, 65536> buffer;
  const bool readable = is_readable(socket_.get(), kPatience);
  REQUIRE_MESSAGE(readable, "nothing comes");
  const ssize_t received = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (received <= 0) end_ = received == 0 ? End::kEof : End::kReset;
  return received <= 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(received));
}

bool Client::silent() const { return !is_readable(socket_.get(), std::chrono::milliseconds(0)); }

void Client::finish() { (void)::shutdown(socket_.get(), SHUT_WR); }

void Client::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  socket_.reset();
}

std::string ask(const std::string& address, std::string_view request) {
  Client client(address);
  client.send(request);
  return client.receive();
}

}  // namespace prefork::test
