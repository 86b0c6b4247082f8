#include "tests/e2e/http_client.h"

#include <doctest/doctest.h>

#include <cstdlib>

namespace prefork::test {
namespace {

/// The number of a header field; 0 without it.
unsigned long field(const std::string& header, const std::string& name) {
  const std::size_t at = header.find("\r\n" + name + ": ");
  return at == std::string::npos ? 0 : std::strtoul(header.c_str() + at + name.size() + 4, nullptr, 10);
}

}  // namespace

void HttpClient::ask(const std::string& target) {
  client_.send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
}

bool HttpClient::receive_to(std::size_t size) {
  while (input_.size() < size) {
    const std::string more = client_.receive_some();
    if (more.empty()) return false;
    input_ += more;
  }
  return true;
}

pid_t HttpClient::answer() {
  std::size_t end = 0;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive_to(input_.size() + 1)) return 0;
  }
  const std::string header = input_.substr(0, end + 2);
  CHECK_MESSAGE(header.starts_with("HTTP/1.1 200 "), header);
  const std::size_t size = end + 4 + field(header, "Content-Length");
  if (!receive_to(size)) return 0;
  input_.erase(0, size);
  return static_cast<pid_t>(field(header, "X-Pid"));
}

LobbyText lobby_of(const PoolTable& pool) {
  return {.silent = pool["lobby: silent"], .parked = pool["parked"], .evicted = pool["evicted"]};
}

}  // namespace prefork::test
