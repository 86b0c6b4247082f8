// A NodeDialect for tests, and the worker's end of its channel: the test is Node and the module.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/workers/node_dialect.h"
#include "tests/workers/told_events.h"

namespace prefork::test {

inline const WorkerId kNode = WorkerId::make(7, 0);

inline DialectState of_pool(std::string listen = "0=127.0.0.1:8080,3=unix:/run/app.sock") {
  DialectState state;
  state.wire = Wire::kNode;
  state.node.listen = std::move(listen);
  return state;
}

/// A dialect, what it tells, and the worker's end of the channel.
class NodeSpoken final : private Dialect::Listener {
 public:
  explicit NodeSpoken(const DialectState& state = of_pool(),
                      std::string hello = R"({"cmd":"PREFORK","act":"hello","version":"1","value":1})")
      : hello_(std::move(hello)) {
    auto ends = Channel::make_pair(/*send_buffer=*/64 * 1024, SOCK_STREAM);
    REQUIRE(ends.ok());
    ours_ = std::move(ends.value().first);
    worker_ = ends.value().second.release();
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    client_.reset(pair[0]);
    Fd(pair[1]).reset();
    dialect_.emplace(Dialect::Worker{kNode, ours_, unread_, static_cast<Dialect::Listener&>(*this)}, state);
  }

  [[nodiscard]] SendStatus send(std::uint64_t ticket, ListenerIndex listener = 0) {
    action::Dispatch dispatch;
    dispatch.ticket = Ticket{ticket};
    dispatch.listener = listener;
    dispatch.accepted_at = Instant(std::chrono::nanoseconds(5));
    dispatch.waited = std::chrono::microseconds(3);
    return send(dispatch);
  }
  [[nodiscard]] SendStatus send(const action::Dispatch& dispatch) {
    return dialect_->send(dispatch, client_);
  }
  /// The worker writes, and the supervisor receives all of it.
  void write(std::string_view text) {
    REQUIRE(::write(worker_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    while (ours_.receive(datagram_) == ReceiveStatus::kDatagram)
      dialect_->hear(datagram_.bytes(), /*introduces=*/false);
  }
  void line(std::string_view text) { write(std::string(text) + '\n'); }
  /// All that the worker has been sent, and how many descriptors came with it.
  std::string read() {
    std::string all;
    for (;;) {
      std::array<char, 4096> bytes{};
      iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
      msghdr header{};
      header.msg_iov = &part;
      header.msg_iovlen = 1;
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      const ssize_t size = ::recvmsg(worker_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size <= 0) return all;
      if (CMSG_FIRSTHDR(&header) != nullptr) {
        int descriptor = -1;
        std::copy_n(CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(int),
                    reinterpret_cast<unsigned char*>(&descriptor));
        received_.emplace_back(descriptor);
      }
      all.append(bytes.data(), static_cast<std::size_t>(size));
    }
  }
  /// Its program listens at the first address of the pool.
  void listen() {
    line(hello_);
    line(R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4,"seq":1})");
    line(R"({"cmd":"NODE_CLUSTER","act":"listening","address":null,"port":8080,"addressType":4,"seq":2})");
    (void)read();
  }
  /// Node takes and accepts what it has been sent, or does not.
  void answer(bool accepted, std::uint64_t seq) {
    line(R"({"cmd":"NODE_HANDLE_ACK"})");
    line(R"({"cmd":"NODE_CLUSTER","ack":)" + std::to_string(seq) + R"(,"accepted":)" +
         (accepted ? "true" : "false") + R"(,"seq":3})");
  }

  template <typename T>
  [[nodiscard]] std::vector<T> all_of() const {
    return events_of<T>(told_);
  }
  template <typename T>
  [[nodiscard]] std::vector<std::uint64_t> tickets() const {
    return tickets_of<T>(told_);
  }
  [[nodiscard]] NodeDialect& dialect() { return *dialect_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] std::size_t told() const { return told_.size(); }
  [[nodiscard]] std::vector<Fd>& received() { return received_; }
  [[nodiscard]] int client() const { return client_.get(); }

 private:
  void tell(const Event& event) override { told_.push_back(event); }
  void violated(const std::string& what) override { violations_.push_back(what); }
  void noted(std::string note) override { notes_.push_back(std::move(note)); }

  std::string hello_;  ///< the module's
  Fd client_;
  UnreadDatagrams unread_;
  Channel ours_;
  Fd worker_;
  Datagram datagram_;
  std::vector<Event> told_;
  std::vector<std::string> violations_;
  std::vector<std::string> notes_;
  std::vector<Fd> received_;
  std::optional<NodeDialect> dialect_;
};

using Tickets = std::vector<std::uint64_t>;

}  // namespace prefork::test
