#include "supervisor/admin/link_message.h"

#include <sys/socket.h>

#include <cstring>

namespace prefork {

LinkMessage receive_link_message(int socket, std::span<char> into, std::size_t room) {
  iovec piece{into.data(), into.size()};
  std::vector<char> control(CMSG_SPACE(room * sizeof(int)));
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  LinkMessage message;
  message.size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (message.size < 0) return message;
  for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t at = 0; at < count; ++at) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(one) + at * sizeof(int), sizeof(int));
      message.descriptors.emplace_back(descriptor);
    }
  }
  return message;
}

}  // namespace prefork
