#include "tests/proto/channel_pair.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace prefork::test {

ChannelPair::ChannelPair(int send_buffer) {
  auto ends = Channel::make_pair(send_buffer);
  REQUIRE(ends.ok());
  supervisor = std::move(ends.value().first);
  worker = std::move(ends.value().second);
}

Received::Received(Channel& channel)
    : datagram(std::make_unique<Datagram>()), status(channel.receive(*datagram)) {
  if (status != ReceiveStatus::kDatagram) return;
  DatagramReader reader(datagram->bytes());
  while (const auto message = reader.next()) {
    records.push_back(message->record);
    text = message->text;
  }
  CHECK(reader.malformed() == "");
}

int send_raw(const Channel& channel, std::span<const std::byte> bytes, std::span<const int> attached) {
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  std::vector<std::byte> control(CMSG_SPACE(attached.size_bytes()));
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = attached.empty() ? nullptr : control.data();
  header.msg_controllen = attached.empty() ? 0 : control.size();
  if (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr) {
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(attached.size_bytes());
    std::memcpy(CMSG_DATA(rights), attached.data(), attached.size_bytes());
  }
  return ::sendmsg(channel.descriptor(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

}  // namespace prefork::test
