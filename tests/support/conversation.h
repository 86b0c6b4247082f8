// A scripted worker's side of the native protocol. Unlike the worker library it also sends records that break
// the protocol. One process uses it for its whole life. With a stream for its channel it speaks the classic
// protocol: Idle is the int 0, Progress the int 1, and other records are nothing.
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
  /// Sends a record of this kind for the current connection.
  void say(RecordKind kind) { say(Record{.kind = kind, .ticket = ticket_}); }
  /// Sends arbitrary bytes as one datagram, or in a stream.
  void say_bytes(const std::vector<std::byte>& bytes);
  void say_with_descriptor(const Record& record, const Fd& attached);

  /// Waits for the next connection and makes it the current one; answers Ping. Exits at Drain and at the
  /// channel's end. The former current connection stays open.
  void receive_connection();
  /// Waits for the next connection, which becomes the current one without its socket, and leaves it in the
  /// channel.
  void peek_at_connection();
  /// Waits for one datagram and keeps it, without a look at its content.
  void receive_datagram();
  /// In a template of `start: fork`: forks workers as the worker library does, and returns in each of them.
  /// In other processes: does nothing.
  void be_template();
  /// Serves one connection after the other with an echo, and leaves the mark "served" for each. A template
  /// serves through the workers that it forks.
  [[noreturn]] void serve();
  [[nodiscard]] bool ready() const { return ready_; }

  // These act on the current connection.
  void read(std::size_t size);
  void write(std::string_view text);
  void shut_down();
  void close() { client_.reset(); }

  void close_channel() { channel_.close(); }
  void shut_channel_down(int how);
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }
  [[nodiscard]] int client() const { return client_.get(); }

 private:
  [[nodiscard]] bool classic() const;
  void say_int(int value, const Fd& attached = Fd());
  void take_client(std::uint64_t ticket);
  /// Acts on the record; true if it is a connection.
  bool is_connection(const Record& record);

  Channel channel_;
  Datagram datagram_;
  bool ready_ = false;
  std::uint64_t ticket_ = 0;
  Fd client_;
  std::vector<Fd> former_clients_;
};

}  // namespace prefork::test
