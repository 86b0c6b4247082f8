#include "proto/passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace prefork {
namespace {

ssize_t send_numbers(int socket, std::span<const std::byte> bytes, std::span<const int> attached, int flags) {
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxPassed * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!attached.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();  // so that there is a first header
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(attached.size_bytes());
    std::memcpy(CMSG_DATA(rights), attached.data(), attached.size_bytes());
    header.msg_controllen = CMSG_SPACE(attached.size_bytes());
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &header, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace

bool refuse_descriptors(int socket) {
  const int off = 0;
  return ::setsockopt(socket, SOL_SOCKET, kPassRights, &off, sizeof(off)) == 0;
}

ssize_t send_passing(int socket, std::span<const std::byte> bytes, int attached, int flags) {
  return send_passing(socket, bytes, attached, -1, flags);
}

ssize_t send_passing(int socket, std::span<const std::byte> bytes, int first, int second, int flags) {
  const std::array<int, 2> attached{first, second};
  return send_numbers(socket, bytes, std::span(attached).first(first < 0 ? 0 : second < 0 ? 1 : 2), flags);
}

ssize_t send_passing(int socket, std::span<const std::byte> bytes, std::span<const Fd> attached, int flags) {
  std::array<int, kMaxPassed> numbers{};
  const std::size_t count = std::min(attached.size(), numbers.size());
  for (std::size_t i = 0; i < count; ++i) numbers[i] = attached[i].get();
  return send_numbers(socket, bytes, std::span(numbers).first(count), flags);
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
