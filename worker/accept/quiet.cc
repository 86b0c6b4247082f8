#include "worker/accept/quiet.h"

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
    if (table.look(fd).kind != Kind::kConnection) continue;
    const InsideGate gate;
    if (table.look(fd).kind == Kind::kConnection && quiet(fd)) {
      (void)raw::call(SYS_shutdown, fd, int{SHUT_RD});
    }
  }
}

}  // namespace prefork::accept
