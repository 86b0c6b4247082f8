// A server that answers one or two clients of a control socket with given lines, whatever they ask.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proto/fd.h"

namespace prefork::test {

class AnsweringServer {
 public:
  /// The lines for one client, one for each request.
  using Answers = std::vector<std::string>;

  /// The connection ends with the last answer. Then a second client is answered, if there are lines for it.
  AnsweringServer(const std::string& path, Answers first, Answers second = {})
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.data(), path.size());
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
    REQUIRE(::listen(socket_.get(), 1) == 0);
    thread_ = std::thread([this, first = std::move(first), second = std::move(second)] {
      answer(first);
      if (!second.empty()) answer(second);
    });
  }
  AnsweringServer(const AnsweringServer&) = delete;
  AnsweringServer& operator=(const AnsweringServer&) = delete;
  ~AnsweringServer() { thread_.join(); }

 private:
  void answer(const Answers& lines) const {
    const Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    for (const std::string& line : lines) {
      char byte = 0;
      while (byte != '\n') {
        if (::recv(client.get(), &byte, 1, 0) != 1) return;
      }
      const std::string text = line + '\n';
      if (::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  Fd socket_;
  std::thread thread_;
};

}  // namespace prefork::test
