// A scripted worker's side of the native protocol, without the worker library's good manners: it says what it
// is told to say. Used by one process for its whole life.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "proto/record.h"

namespace prefork::test {

class Conversation {
 public:
  Conversation();

  void say(const Record& record);
  /// A record of this kind for the connection at hand.
  void say(RecordKind kind) { say(Record{.kind = kind, .ticket = ticket_}); }
  /// Any bytes at all, as one datagram.
  void say_bytes(const std::vector<std::byte>& bytes);
  void say_with_descriptor(const Record& record, const Fd& attached);

  /// Waits for the next connection and makes it the one at hand; answers Ping. Exits when told to, or at the
  /// channel's end. The connection that was at hand before stays open.
  void receive_connection();
  /// Waits for one datagram and keeps it, whatever it says.
  void receive_datagram();
  /// As a template of `start: fork`, forks workers as the worker library does, and goes on in each of them;
  /// in others does nothing.
  void be_template();
  /// Serves connection after connection with an echo, each leaving the mark "served"; a template, through the
  /// workers that it forks.
  [[noreturn]] void serve();
  [[nodiscard]] bool ready() const { return ready_; }

  // What is done with the connection at hand.
  void read(std::size_t size);
  void write(std::string_view text);
  void shut_down();
  void close() { client_.reset(); }

  void close_channel() { channel_.close(); }
  void shut_channel_down(int how);
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }

 private:
  /// Does what the record wants.
  bool is_connection(const Record& record);

  Channel channel_;
  Datagram datagram_;
  bool ready_ = false;
  std::uint64_t ticket_ = 0;
  Fd client_;
  std::vector<Fd> former_clients_;
};

}  // namespace prefork::test
