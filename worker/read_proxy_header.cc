#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "worker/proxy_header.h"

namespace prefork::worker {
namespace {

using Clock = std::chrono::steady_clock;

/// Every header of version 2 has as many bytes, and tells then how many it has.
constexpr std::size_t kFirstBytes = 16;
/// So that a deadline can be computed from any time.
constexpr std::chrono::milliseconds kLongestTime = std::chrono::hours(24);

Error read_error(int code, const char* what) {
  return {.what = std::string("PROXY header: ") + what, .code = {code, std::generic_category()}};
}

Error could_not_read(int error) {
  if (error == ECONNRESET) return read_error(ECONNRESET, "the connection ended before it was complete");
  return read_error(error, "it cannot be read");
}

/// Waits until `socket` has something to read.
Result<void> await_bytes(int socket, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{.fd = socket, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, static_cast<int>(std::clamp<long>(left, 0, INT_MAX)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return could_not_read(errno);
    if (ready == 0 && left <= INT_MAX) return read_error(ETIMEDOUT, "it did not come in time");
  }
}

/// How many bytes to ask for when `have` is the beginning of a header that is not complete.
std::size_t bytes_wanted(std::string_view have, std::size_t size) {
  if (size > 0) return size - have.size();
  return (have.starts_with('P') ? kMaxProxyLine : kFirstBytes) - have.size();
}

/// How many bytes of `have`, whose last ones have been looked at only, belong to the header.
std::size_t certain(std::string_view have) {
  if (!have.starts_with('P')) return have.size();
  return std::min(have.find('\n'), have.size() - 1) + 1;
}

/// Adds what has come to `have`, and takes it from the socket: not more than belongs to the header.
Result<void> receive_more(int socket, Clock::time_point deadline, std::string& have, std::size_t wanted) {
  for (;;) {
    if (auto readable = await_bytes(socket, deadline); !readable) return readable;
    std::array<char, kMaxProxyHeader> bytes;
    // A line has no length in front: it is looked at first.
    const ssize_t seen = ::recv(socket, bytes.data(), wanted, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (seen <= 0) return could_not_read(seen == 0 ? ECONNRESET : errno);
    const std::size_t before = have.size();
    have.append(bytes.data(), static_cast<std::size_t>(seen));
    have.resize(certain(have));
    // What was seen is there, unless another process reads from this socket.
    const ssize_t taken = ::recv(socket, bytes.data(), have.size() - before, MSG_DONTWAIT);
    if (taken < 0) return could_not_read(errno);
    if (static_cast<std::size_t>(taken) == have.size() - before) return {};
    return read_error(EPROTO, "another process reads from the connection");
  }
}

Result<std::string> read_header(int socket, Clock::time_point deadline) {
  std::string have;
  for (;;) {
    const Result<std::size_t> size = proxy_header_size(have);
    if (!size) return size.error();
    if (size.value() > 0 && size.value() == have.size()) return have;
    if (auto more = receive_more(socket, deadline, have, bytes_wanted(have, size.value())); !more) {
      return more.error();
    }
  }
}

using AddressCall = int (*)(int, sockaddr*, socklen_t*);

void set_real_end(ProxyEnd& end, int socket, AddressCall ask) {
  end.length = sizeof(end.address);
  // Fails when the client has reset the connection: the address is not known any more.
  if (ask(socket, reinterpret_cast<sockaddr*>(&end.address), &end.length) < 0) end = {};
}

}  // namespace

Result<ProxyHeader> read_proxy_header(int socket, std::chrono::milliseconds time) {
  const Result<std::string> bytes = read_header(socket, Clock::now() + std::min(time, kLongestTime));
  if (!bytes) return bytes.error();
  Result<ProxyHeader> header = parse_proxy_header(bytes.value());
  if (header && header.value().local) {
    set_real_end(header.value().source, socket, ::getpeername);
    set_real_end(header.value().destination, socket, ::getsockname);
  }
  return header;
}

}  // namespace prefork::worker
