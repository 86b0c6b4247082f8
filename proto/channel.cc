#include "proto/channel.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "proto/passing.h"

namespace prefork {
namespace {

// Linux 6.5, asm-generic/socket.h and linux/socket.h
#ifndef SO_PASSPIDFD
constexpr int kPassPidfd = 76;
#else
constexpr int kPassPidfd = SO_PASSPIDFD;
#endif
#ifndef SCM_PIDFD
constexpr int kPidfdMessage = 4;
#else
constexpr int kPidfdMessage = SCM_PIDFD;
#endif

SendStatus send_status(int error) {
  switch (error) {
    case EAGAIN: return SendStatus::kFull;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN: return SendStatus::kGone;
    case ETOOMANYREFS:
    case ENOBUFS:
    case ENOMEM: return SendStatus::kNoResources;
    default: return SendStatus::kInvalid;
  }
}

ReceiveStatus receive_status(int error) {
  switch (error) {
    case EAGAIN: return ReceiveStatus::kEmpty;
    case ENOMEM:
    case ENOBUFS: return ReceiveStatus::kNoResources;
    default: return ReceiveStatus::kEnd;
  }
}

/// recvmsg() has returned 0: either the peer has ended, or it has sent a datagram of 0 bytes. If both, unread
/// data means that it is not the end yet.
bool peer_has_ended(int descriptor) {
  int unread = 0;
  if (::ioctl(descriptor, FIONREAD, &unread) == 0 && unread > 0) return false;
  pollfd state{.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&state, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready < 0 || (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

Fd Datagram::take_descriptor() {
  if (next_ == descriptor_count_) return Fd();
  return std::move(descriptors_[next_++]);
}

void Datagram::clear() {
  for (; next_ < descriptor_count_; ++next_) descriptors_[next_].reset();
  size_ = descriptor_count_ = next_ = 0;
  descriptors_lost_ = false;
  sender_.reset();
  sender_pidfd_.reset();
}

void Datagram::adopt_descriptors(const cmsghdr& rights) {
  const std::size_t count = (rights.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(&rights) + i * sizeof(int), sizeof(int));
    Fd owned(descriptor);
    if (descriptor_count_ < descriptors_.size()) descriptors_[descriptor_count_++] = std::move(owned);
  }
}

void Datagram::adopt_control(msghdr& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    if (control->cmsg_type == SCM_RIGHTS) {
      adopt_descriptors(*control);
    } else if (control->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(control), sizeof(credentials));
      sender_ = credentials.pid;
    } else if (control->cmsg_type == kPidfdMessage) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(control), sizeof(int));
      sender_pidfd_.emplace(descriptor < 0 ? -1 : descriptor);  // instead of a pidfd it can be -errno
    }
  }
  descriptors_lost_ = (header.msg_flags & MSG_CTRUNC) != 0;
}

Result<std::pair<Channel, Channel>> Channel::make_pair(int send_buffer, int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) return system_error("socketpair");
  const int on = 1;
  // A byte that the peer of a stream sends as urgent data comes in its place among the others.
  if (type == SOCK_STREAM) (void)::setsockopt(ends[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
  std::pair<Channel, Channel> both(Channel{Fd(ends[0])}, Channel{Fd(ends[1])});
  if (send_buffer > 0 &&
      ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer)) < 0) {
    return system_error("setsockopt SO_SNDBUF");
  }
  return both;
}

SendStatus Channel::send(const Record& record) {
  std::array<std::byte, kRecordSize> bytes;
  encode(record, bytes);
  return send_bytes(bytes, -1);
}

SendStatus Channel::send(const Record& record, const Fd& attached) {
  std::array<std::byte, kRecordSize> bytes;
  encode(record, bytes);
  return attached.valid() ? send_bytes(bytes, attached.get()) : SendStatus::kInvalid;
}

SendStatus Channel::send(std::span<const Record> records) {
  if (records.empty() || records.size() > kMaxRecordsPerDatagram) return SendStatus::kInvalid;
  std::array<std::byte, kMaxDatagramSize> bytes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    encode(records[i], std::span(bytes).subspan(i * kRecordSize).first<kRecordSize>());
  }
  return send_bytes(std::span(bytes).first(records.size() * kRecordSize), -1);
}

SendStatus Channel::send(std::span<const std::byte> bytes) { return send_bytes(bytes, -1); }

SendStatus Channel::send(std::span<const std::byte> bytes, const Fd& attached) {
  return attached.valid() ? send_bytes(bytes, attached.get()) : SendStatus::kInvalid;
}

void Channel::end_sending() {
  // Fails when the peer is gone: then it needs no end.
  (void)::shutdown(end_.get(), SHUT_WR);
}

SendStatus Channel::send_bytes(std::span<const std::byte> bytes, int attached) {
  return send_passing(end_.get(), bytes, attached, MSG_DONTWAIT) >= 0 ? SendStatus::kSent
                                                                      : send_status(errno);
}

ReceiveStatus Channel::receive(Datagram& datagram) { return receive_with(MSG_DONTWAIT, datagram); }

ReceiveStatus Channel::wait_and_receive(Datagram& datagram) {
  for (;;) {
    const ReceiveStatus status = receive_with(0, datagram);
    if (status == ReceiveStatus::kNoResources) {
      (void)::poll(nullptr, 0, 10);
      continue;
    }
    if (status != ReceiveStatus::kEmpty) return status;
    // A process that shares this end has made it non-blocking.
    pollfd readable{.fd = end_.get(), .events = POLLIN, .revents = 0};
    (void)::poll(&readable, 1, -1);
  }
}

ReceiveStatus Channel::receive_with(int flags, Datagram& datagram) {
  datagram.clear();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * Datagram::kMaxDescriptors) +
                                        CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))>
      control;
  iovec part{.iov_base = datagram.buffer_.data(), .iov_len = datagram.buffer_.size()};
  for (;;) {
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(end_.get(), &header, flags | MSG_CMSG_CLOEXEC);
    if (size < 0) {
      // The kernel reports ECONNRESET once, before the dead peer's last records: it is not the end.
      left_unread_ = left_unread_ || errno == ECONNRESET;
      if (errno == EINTR || errno == ECONNRESET) continue;
      return receive_status(errno);
    }
    datagram.adopt_control(header);
    if (size == 0) return peer_has_ended(end_.get()) ? ReceiveStatus::kEnd : ReceiveStatus::kZeroLength;
    if ((header.msg_flags & MSG_TRUNC) != 0) return ReceiveStatus::kTruncated;
    datagram.size_ = static_cast<std::size_t>(size);
    return ReceiveStatus::kDatagram;
  }
}

void Channel::refuse_descriptors() {
  // Without it the descriptors arrive, and the caller of receive() takes and closes them.
  (void)prefork::refuse_descriptors(end_.get());
}

Result<void> Channel::identify_sender(bool on) {
  const int value = on ? 1 : 0;
  if (::setsockopt(end_.get(), SOL_SOCKET, SO_PASSCRED, &value, sizeof(value)) < 0) {
    return system_error("setsockopt SO_PASSCRED");
  }
  // Fails with ENOPROTOOPT before Linux 6.5.
  (void)::setsockopt(end_.get(), SOL_SOCKET, kPassPidfd, &value, sizeof(value));
  return {};
}

}  // namespace prefork
