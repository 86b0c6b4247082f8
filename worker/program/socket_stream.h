// A client's blocking socket as a stream for Boost.Beast (SyncReadStream, SyncWriteStream), with a deadline.
// Needs no io_context. Does not change the flags of the socket: every process with a copy of the socket
// shares them.
#pragma once

#include <sys/uio.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <cstddef>
#include <span>

namespace prefork::worker {

class SocketStream {
 public:
  using ErrorCode = boost::system::error_code;

  explicit SocketStream(int socket) : socket_(socket) {}

  /// Reads and writes fail with timed_out when `time` from now has passed.
  void expires_after(std::chrono::milliseconds time) { deadline_ = std::chrono::steady_clock::now() + time; }
  /// Discards at most 64 KiB that have arrived unread: close() with unread bytes resets the connection, and
  /// the client could lose the answer.
  void discard_unread();

  template <typename MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, ErrorCode& error) {
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         at != boost::asio::buffer_sequence_end(buffers); ++at) {
      const boost::asio::mutable_buffer buffer(*at);
      if (buffer.size() > 0) return read_once(buffer, error);
    }
    error = {};
    return 0;
  }

  template <typename ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, ErrorCode& error) {
    // Header and body in one call, so that a small answer is one segment.
    std::array<iovec, 32> parts;
    std::size_t count = 0;
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         at != boost::asio::buffer_sequence_end(buffers) && count < parts.size(); ++at) {
      const boost::asio::const_buffer buffer(*at);
      parts[count++] = {.iov_base = const_cast<void*>(buffer.data()), .iov_len = buffer.size()};
    }
    return write_once(std::span(parts).first(count), error);
  }

  template <typename MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers) {
    ErrorCode error;
    const std::size_t size = read_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return size;
  }

  template <typename ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers) {
    ErrorCode error;
    const std::size_t size = write_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return size;
  }

 private:
  std::size_t read_once(boost::asio::mutable_buffer buffer, ErrorCode& error);
  std::size_t write_once(std::span<iovec> parts, ErrorCode& error);
  [[nodiscard]] bool wait(short events);

  int socket_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
};

}  // namespace prefork::worker
