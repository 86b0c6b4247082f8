#include "worker/accept/channel.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "worker/accept/context.h"
#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

bool send_all(const void* bytes, std::size_t size) {
  for (;;) {
    const long sent = raw::call(SYS_sendto, context.channel, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return true;
    if (sent == -EINTR) continue;
    if (sent == -EAGAIN) {
      pollfd writable{context.channel, POLLOUT, 0};
      (void)raw::call(SYS_ppoll, &writable, 1, nullptr, nullptr, 0);
    } else if (sent == -ENOBUFS || sent == -ENOMEM) {
      (void)raw::sleep_ns(1'000'000);
    } else {
      return false;
    }
  }
}

}  // namespace

bool tell(Record kind, std::uint64_t ticket, std::uint32_t value) {
  WireRecord record;
  record.kind = static_cast<std::uint16_t>(kind);
  record.ticket = ticket;
  record.value = value;
  return send_all(&record, sizeof(record));
}

void tell_note(const char* text, std::size_t length) {
  constexpr std::size_t kMaxBlocks = 7;
  WireRecord blocks[1 + kMaxBlocks];
  length = std::min(length, kMaxBlocks * sizeof(WireRecord));
  if (length == 0) return;
  std::memset(static_cast<void*>(blocks), 0, sizeof(blocks));
  blocks[0].kind = static_cast<std::uint16_t>(Record::kNote);
  blocks[0].value = static_cast<std::uint32_t>(length);
  std::memcpy(static_cast<void*>(blocks + 1), text, length);
  const std::size_t more = (length + sizeof(WireRecord) - 1) / sizeof(WireRecord);
  (void)send_all(blocks, (1 + more) * sizeof(WireRecord));
}

long Datagram::receive(int fd, int flags, bool cancellable) {
  iovec bytes{records_, sizeof(records_)};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control_;
  message.msg_controllen = sizeof(control_);
  long size = 0;
  if (cancellable) {
    size = ::recvmsg(fd, &message, flags);
    if (size < 0) size = -errno;
  } else {
    size = raw::call(SYS_recvmsg, fd, &message, flags);
  }
  size_ = size > 0 ? static_cast<std::size_t>(size) : 0;
  descriptors_ = taken_ = 0;
  if (size < 0) return size;
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    descriptors_ = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  }
  return size;
}

std::size_t Datagram::blocks(const WireRecord& record) {
  if (record.kind != static_cast<std::uint16_t>(Record::kConnection)) return 1;
  const std::size_t memo = record.flags >> 8U;
  return 1 + (memo + sizeof(WireRecord) - 1) / sizeof(WireRecord);
}

int Datagram::next_descriptor() {
  if (taken_ == descriptors_) return -1;
  int fd = -1;
  std::memcpy(&fd, control_ + CMSG_LEN(0) + taken_++ * sizeof(int), sizeof(fd));
  return fd;
}

}  // namespace prefork::accept
