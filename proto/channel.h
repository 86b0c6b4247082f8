// One end of the channel between supervisor and worker: a SOCK_SEQPACKET socket that carries datagrams of
// records and attached descriptors, or a SOCK_STREAM socket that carries bytes and descriptors; then a
// Datagram is what one call has received. The only caller of sendmsg() and recvmsg() on it. Knows framing and
// descriptor ownership, not meanings. Blocks only in wait_and_receive().
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "proto/fd.h"
#include "proto/record.h"
#include "proto/result.h"

namespace prefork {

enum class SendStatus {
  kSent,
  kFull,         ///< the peer does not read (EAGAIN): try again when the channel is writable
  kGone,         ///< the peer has closed its end, or its receiving half (EPIPE, ECONNRESET)
  kNoResources,  ///< not the peer's fault: out of a resource (ETOOMANYREFS, ENOBUFS, ENOMEM)
  kInvalid,      ///< the data cannot be sent (EBADF, EINVAL …): the caller's mistake
};

enum class ReceiveStatus {
  kDatagram,
  kEmpty,  ///< no datagram now
  kEnd,    ///< the peer has closed its end or its sending half, and everything that it sent has been read
  kZeroLength,   ///< a datagram of 0 bytes, which is not an end of file
  kTruncated,    ///< a datagram larger than kMaxDatagramSize; its rest is lost
  kNoResources,  ///< not the peer's fault: out of memory; what it sent is still there (ENOMEM, ENOBUFS)
};

/// One received datagram; reused from call to call, so that receiving allocates nothing.
class Datagram {
 public:
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::span(buffer_).first(size_); }
  /// The number of descriptors that arrived and have not been taken.
  [[nodiscard]] std::size_t descriptors() const { return descriptor_count_ - next_; }
  /// The next descriptor in the order of attachment, which the caller then owns; not valid when none is left.
  /// The next receive() closes descriptors that were not taken.
  [[nodiscard]] Fd take_descriptor();
  /// The kernel dropped descriptors on the way, for want of descriptor numbers here (MSG_CTRUNC).
  [[nodiscard]] bool descriptors_lost() const { return descriptors_lost_; }
  /// The pid of the sender, from the kernel: only on a channel with identify_sender().
  [[nodiscard]] std::optional<pid_t> sender() const { return sender_; }
  /// A pidfd of the sender, on such a channel since Linux 6.5: unlike the pid it never means another process.
  /// Not valid when the sender is gone, or no descriptor was free.
  [[nodiscard]] std::optional<Fd> take_sender_pidfd() { return std::exchange(sender_pidfd_, std::nullopt); }

 private:
  friend class Channel;
  /// As many as one sendmsg() can carry (SCM_MAX_FD), so that none can hide in the padding of the control
  /// buffer.
  static constexpr std::size_t kMaxDescriptors = 253;

  void clear();
  void adopt_control(msghdr& header);
  void adopt_descriptors(const cmsghdr& rights);

  alignas(8) std::array<std::byte, kMaxDatagramSize> buffer_;
  std::array<Fd, kMaxDescriptors> descriptors_;
  std::size_t size_ = 0;
  std::size_t descriptor_count_ = 0;
  std::size_t next_ = 0;
  bool descriptors_lost_ = false;
  std::optional<pid_t> sender_;
  std::optional<Fd> sender_pidfd_;
};

class Channel {
 public:
  Channel() = default;
  /// Takes ownership of one end.
  explicit Channel(Fd end) : end_(std::move(end)) {}

  /// Both ends of a new channel, close-on-exec. `send_buffer` is SO_SNDBUF in bytes of the first end, which
  /// bounds what a peer that does not read can make the kernel hold; 0 keeps the system's default.
  static Result<std::pair<Channel, Channel>> make_pair(int send_buffer = 0, int type = SOCK_SEQPACKET);

  [[nodiscard]] int descriptor() const { return end_.get(); }
  [[nodiscard]] bool open() const { return end_.valid(); }
  void close() { end_.reset(); }
  /// Gives up ownership of the end, for another process.
  [[nodiscard]] Fd release() { return std::move(end_); }

  /// Sends one record.
  [[nodiscard]] SendStatus send(const Record& record);
  /// Sends one record with a descriptor. The receiver gets a copy; the caller keeps `attached`.
  [[nodiscard]] SendStatus send(const Record& record, const Fd& attached);
  /// Sends several records as one datagram (at most kMaxRecordsPerDatagram), or a Note as encode_note() makes
  /// it.
  [[nodiscard]] SendStatus send(std::span<const Record> records);
  [[nodiscard]] SendStatus send(std::span<const std::byte> bytes);
  /// Bytes of a stream with a descriptor, of which the receiver gets a copy. They are few: all are sent or
  /// none.
  [[nodiscard]] SendStatus send(std::span<const std::byte> bytes, const Fd& attached);
  /// Tells the peer that nothing more is sent: it receives what was sent, and then the end.
  void end_sending();

  /// Receives one datagram. ECONNRESET is not the end: records that the dead peer sent before are still
  /// delivered.
  [[nodiscard]] ReceiveStatus receive(Datagram& datagram);
  /// The same, but waits for a datagram: never returns kEmpty. The only call here that blocks, for workers
  /// that serve one connection at a time. A signal does not end it; shutdown(SHUT_RD) in the signal's handler
  /// does.
  [[nodiscard]] ReceiveStatus wait_and_receive(Datagram& datagram);

  /// receive() has learned from the kernel that the last holder of the other end closed it before it had
  /// received all that was sent to it (ECONNRESET).
  [[nodiscard]] bool left_unread() const { return left_unread_; }

  /// Makes the peer's attempts to attach descriptors fail with EPERM, where the kernel can (SO_PASSRIGHTS,
  /// Linux 6.16). Elsewhere they still arrive.
  void refuse_descriptors();
  /// Makes the kernel add the sender's pid to each datagram, and its pidfd where it can.
  Result<void> identify_sender(bool on);

 private:
  SendStatus send_bytes(std::span<const std::byte> bytes, int attached);
  ReceiveStatus receive_with(int flags, Datagram& datagram);

  Fd end_;
  bool left_unread_ = false;
};

}  // namespace prefork
