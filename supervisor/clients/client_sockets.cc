#include "supervisor/clients/client_sockets.h"

#include <sys/socket.h>

#include <utility>

#include "supervisor/clients/client_sign.h"
#include "supervisor/system/socket.h"

namespace prefork {

ClientSockets::ClientSockets(const Loop& loop, CoreEventSink& events)
    : events_(events), lobby_(loop, *this), lingering_close_(loop) {}

void ClientSockets::set_replies(std::string_view reject_with, std::string_view crash_reply) {
  reject_reply_ = reject_with;
  crash_reply_ = crash_reply;
}

void ClientSockets::watch(Ticket ticket) {
  SocketTable::Watch& watch = sockets_.watch(ticket);
  const bool again = watch != SocketTable::Watch::kNever;
  watch = SocketTable::Watch::kArmed;
  if (lobby_.watch(ticket, sockets_.at(ticket), again)) return;
  // A connection that cannot be watched goes to a worker, which may find it silent.
  watch = again ? SocketTable::Watch::kSpent : SocketTable::Watch::kNever;
  events_.tell(event::ClientSeen{ticket, event::ClientSign::kAsks});
}

void ClientSockets::seen(Ticket ticket, event::ClientSign sign) {
  sockets_.watch(ticket) = SocketTable::Watch::kSpent;
  events_.tell(event::ClientSeen{ticket, sign});
}

int ClientSockets::watched_socket(Ticket ticket) {
  return sockets_.knows(ticket) ? sockets_.at(ticket).get() : -1;
}

void ClientSockets::perform(const action::Look& action) {
  events_.tell(event::ClientSeen{action.ticket, look_at(sockets_.at(action.ticket))});
}

bool ClientSockets::prepare(const action::Dispatch& action) {
  const Fd& socket = sockets_.at(action.ticket);
  if (action.look_first && look_at(socket) == event::ClientSign::kGone) {
    events_.tell(
        event::DispatchFailed{action.worker, action.ticket, event::DispatchFailed::Cause::kClientLeft});
    return false;
  }
  if (action.came_back) restore_defaults(socket);
  if (action.answered) sockets_.progress(action.ticket) = progress_of(socket);
  sockets_.sent(action.ticket) = true;
  return true;
}

void ClientSockets::perform(const action::CloseCopy& action) {
  Fd& socket = sockets_.at(action.ticket);
  // If the worker has closed its copy already, ours is the last one: its close() would wait for a linger that
  // the worker has set.
  disarm_linger(socket);
  socket.reset();
}

void ClientSockets::perform(const action::Inspect& action) {
  const Traffic traffic = traffic_of(sockets_.at(action.ticket), sockets_.progress(action.ticket));
  events_.tell(event::Inspected{action.ticket, traffic.untouched(), traffic.sent});
}

void ClientSockets::perform(const action::Dismiss& action) {
  const Fd& socket = sockets_.at(action.ticket);
  if (!crash_reply_.empty() && !traffic_of(socket, sockets_.progress(action.ticket)).sent)
    send_last_answer(socket, crash_reply_);
  // This shuts the worker's copy down, too: a worker that runs again later finds the connection closed.
  (void)::shutdown(socket.get(), SHUT_RDWR);
}

void ClientSockets::perform(const action::End& action) {
  const bool sent = sockets_.sent(action.ticket);
  const bool watched = sockets_.watch(action.ticket) == SocketTable::Watch::kArmed;
  Fd socket = sockets_.end(action.ticket);
  if (!socket.valid()) return;
  if (watched) lobby_.forget(socket);
  if (sent) disarm_linger(socket);
  switch (action.how) {
    case action::End::How::kClose: break;
    case action::End::How::kCrash:
      if (!crash_reply_.empty()) {
        lingering_close_.start(std::move(socket), crash_reply_);
        break;
      }
      [[fallthrough]];
    case action::End::How::kHangUp:
    case action::End::How::kCut: (void)::shutdown(socket.get(), SHUT_RDWR); break;
    case action::End::How::kReject:
      if (!reject_reply_.empty()) lingering_close_.start(std::move(socket), reject_reply_);
      break;
  }
}

void ClientSockets::write_state(PoolState& state) const {
  sockets_.write_state(state);
  state.lingering_closes = lingering_close_.state();
}

std::string ClientSockets::adopt(const PoolState& state) {
  if (std::string wrong = sockets_.adopt(state); !wrong.empty()) return wrong;
  for (const SocketState& socket : state.sockets) {
    if (socket.watched) unwatched_.push_back(socket.ticket);
  }
  lingering_close_.adopt(state.lingering_closes);
  return "";
}

void ClientSockets::resume() {
  for (const Ticket ticket : std::exchange(unwatched_, {})) watch(ticket);
}

}  // namespace prefork
