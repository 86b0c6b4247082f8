#include "supervisor/system/quiesce.h"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace prefork {

Result<void> quiesce(int listening) {
  int family = 0;
  socklen_t size = sizeof(family);
  if (::getsockopt(listening, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0) return system_error("SO_DOMAIN");
  if (family == AF_UNIX) {
    // Keeps the backlog; connect() fails with ECONNREFUSED.
    return ::shutdown(listening, SHUT_RD) == 0 ? Result<void>() : Result<void>(system_error("shutdown"));
  }
  // On TCP shutdown() would reset the backlog. This filter drops each SYN; handshakes that have begun go on.
  constexpr std::uint32_t kFlags = 13;  // offset in TCP's header
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),           // drop the packet
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),  // pass it whole
  };
  const sock_fprog program{.len = std::size(instructions), .filter = instructions};
  if (::setsockopt(listening, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) {
    return system_error("SO_ATTACH_FILTER");
  }
  return {};
}

}  // namespace prefork
