#include "proto/passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace prefork {

bool refuse_descriptors(int socket) {
  const int off = 0;
  return ::setsockopt(socket, SOL_SOCKET, kPassRights, &off, sizeof(off)) == 0;
}

ssize_t send_passing(int socket, std::span<const std::byte> bytes, int attached, int flags) {
  return send_passing(socket, bytes, attached, -1, flags);
}

ssize_t send_passing(int socket, std::span<const std::byte> bytes, int first, int second, int flags) {
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (first >= 0) {
    const std::array<int, 2> attached{first, second};
    const std::size_t size = second >= 0 ? sizeof(attached) : sizeof(int);
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), attached.data(), size);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &header, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

Passed receive_passing(int socket, std::span<std::byte> bytes, int flags) {
  iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
  std::array<int, 2> attached{-1, -1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(attached))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = CMSG_LEN(sizeof(attached));
  Passed passed;
  do {
    passed.size = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  } while (passed.size < 0 && errno == EINTR);
  const cmsghdr* rights = passed.size >= 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
    std::memcpy(attached.data(), CMSG_DATA(rights),
                std::min(sizeof(attached), static_cast<std::size_t>(rights->cmsg_len - CMSG_LEN(0))));
    passed.descriptor.reset(attached[0]);
    passed.second.reset(attached[1]);
  }
  return passed;
}

}  // namespace prefork
