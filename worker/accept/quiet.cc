#include "worker/accept/quiet.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "worker/accept/descriptor_table.h"
#include "worker/accept/fork_gate.h"
#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

constexpr unsigned kQuietMs = 200;

bool quiet(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  int unread = 0;
  if (raw::call(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return false;
  if (raw::call(SYS_ioctl, fd, FIONREAD, &unread) < 0 || unread > 0) return false;
  return info.tcpi_data_segs_out > 0 && info.tcpi_unacked == 0 &&
         info.tcpi_last_data_sent <= info.tcpi_last_data_recv && info.tcpi_last_data_sent >= kQuietMs;
}

}  // namespace

void end_quiet_connections() {
  for (int fd = 0; fd < table.end(); ++fd) {
    if (table.look(fd).kind != Kind::kConnection || !quiet(fd)) continue;
    // Other threads may close it and open something else at its number: a copy stays what it is.
    const InsideGate gate;
    const int copy = static_cast<int>(raw::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (copy < 0) continue;
    if (table.look(fd).kind == Kind::kConnection && quiet(copy)) {
      (void)raw::call(SYS_shutdown, copy, int{SHUT_RD});
    }
    (void)raw::close(copy);
  }
}

}  // namespace prefork::accept
