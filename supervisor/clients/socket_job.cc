#include "supervisor/clients/socket_job.h"

#include <sys/socket.h>

#include <cerrno>

#include "proto/fd.h"

namespace prefork {
namespace {

constexpr std::size_t kDiscardPerCall = std::size_t{64} * 1024;
constexpr int kDiscardsPerJob = 4;

/// Nothing is copied into this process. True: the client has closed or reset the connection.
bool discard(const Fd& socket) {
  for (int i = 0; i < kDiscardsPerJob; ++i) {
    const ssize_t size = ::recv(socket.get(), nullptr, kDiscardPerCall, MSG_TRUNC | MSG_DONTWAIT);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return true;
    if (size < 0) return false;
  }
  return false;
}

void dismiss(const Fd& socket, const SocketJob& job) {
  if (!job.reply.empty() && !traffic_of(socket, job.progress).sent) send_last_answer(socket, job.reply);
  // This shuts the worker's copy down, too: a worker that runs again later finds the connection closed.
  (void)::shutdown(socket.get(), SHUT_RDWR);
}

}  // namespace

void run(SocketJob& job) {
  using What = SocketJob::What;
  Fd socket(job.socket);
  switch (job.what) {
    case What::kCut: (void)::shutdown(socket.get(), SHUT_RDWR); break;
    case What::kClose: break;
    case What::kInspect: job.traffic = traffic_of(socket, job.progress); break;
    case What::kDismiss: dismiss(socket, job); break;
    case What::kAnswer: send_last_answer(socket, job.reply); break;
    case What::kDiscard: job.ended = discard(socket); break;
    case What::kLook: job.unread = holds_unread(socket); break;
    case What::kMeasure: job.progress = progress_of(socket); break;
    case What::kName: job.reply = peer_name(socket); break;
    case What::kPrepare:
      job.unread = holds_unread(socket);
      job.progress = progress_of(socket);
      if (job.restore) restore_defaults(socket);
      break;
  }
  if (job.closes()) {
    disarm_linger(socket);
  } else {
    (void)socket.release();
  }
}

}  // namespace prefork
