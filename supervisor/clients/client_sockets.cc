#include "supervisor/clients/client_sockets.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "supervisor/clients/client_sign.h"
#include "supervisor/system/socket.h"

namespace prefork {

ClientSockets::ClientSockets(const Loop& loop, CoreEventSink& events, Closer& closer, Owner& owner)
    : events_(events),
      closer_(closer),
      owner_(owner),
      key_(closer.add(static_cast<Closer::Owner&>(*this))),
      lobby_(loop, static_cast<Lobby::Owner&>(*this)),
      lingering_close_(loop, closer, key_),
      look_timer_(loop) {}

bool ClientSockets::counts(What what) {
  return what != What::kClose && what != What::kAnswer && what != What::kDiscard && what != What::kMeasure;
}

void ClientSockets::set_replies(std::string_view reject_with, std::string_view crash_reply) {
  reject_reply_ = reject_with;
  crash_reply_ = crash_reply;
}

SocketJob ClientSockets::job_for(What what, Ticket ticket) {
  return {.what = what,
          .socket = sockets_.at(ticket).get(),
          .owner = key_,
          .ticket = ticket,
          .worker = sockets_.worker(ticket),
          .progress = sockets_.progress(ticket)};
}

void ClientSockets::submit(SocketJob job) {
  if (job.socket < 0) return;
  if (counts(job.what)) ++jobs_;
  closer_.submit(std::move(job));
}

void ClientSockets::submit(What what, Ticket ticket) { submit(job_for(what, ticket)); }

void ClientSockets::watch(Ticket ticket) {
  const bool armed = arm(ticket);
  // A worker has given it back. Measured now, it can be sent to the next one without waiting for a job.
  sockets_.measured(ticket) = false;
  if (sockets_.worker(ticket)) measure(ticket);
  if (armed) return;
  sockets_.add_unwatched(ticket);
  look_timer_.start(kLookAgain, Callback::to<&ClientSockets::look_at_unwatched>(*this));
}

void ClientSockets::measure(Ticket ticket) {
  SocketJob job = job_for(What::kMeasure, ticket);
  job.unhurried = true;
  submit(std::move(job));
}

bool ClientSockets::arm(Ticket ticket) {
  SocketTable::Watch& watch = sockets_.watch(ticket);
  const bool again = watch != SocketTable::Watch::kNever;
  if (!lobby_.watch(ticket, sockets_.at(ticket), again)) return false;
  watch = SocketTable::Watch::kArmed;
  return true;
}

// The kernel has refused them: memory or fs.epoll.max_user_watches is short, perhaps for long.
void ClientSockets::look_at_unwatched() {
  bool refused = false;
  for (std::size_t looks = std::min(sockets_.unwatched(), kLooksAtOnce); looks > 0; --looks) {
    const Ticket ticket = sockets_.take_unwatched();
    // What was told of another one may have ended or dispatched the rest.
    if (!ticket) break;
    if (!refused && arm(ticket)) continue;
    refused = true;
    const Glance glance = glance_at(sockets_.at(ticket));
    if (glance.sign == event::ClientSign::kSilent) {
      sockets_.add_unwatched(ticket);
    } else {
      tell_sign(ticket, glance);
    }
  }
  if (sockets_.unwatched() > 0)
    look_timer_.start(kLookAgain, Callback::to<&ClientSockets::look_at_unwatched>(*this));
}

void ClientSockets::seen(Ticket ticket, std::uint32_t events) {
  if (!sockets_.knows(ticket) || !sockets_.at(ticket).valid()) return;
  sockets_.watch(ticket) = SocketTable::Watch::kSpent;
  tell_sign(ticket, glance_of(events));
}

void ClientSockets::tell_sign(Ticket ticket, Glance glance) {
  if (glance.needs_unread && sockets_.shared(ticket)) return submit(What::kLook, ticket);
  const bool unread = glance.needs_unread && holds_unread(sockets_.at(ticket));
  events_.tell(event::ClientSeen{ticket, glance.with_unread(unread)});
}

void ClientSockets::perform(const action::Look& action) {
  tell_sign(action.ticket, glance_at(sockets_.at(action.ticket)));
}

void ClientSockets::perform(const action::Dispatch& action) {
  const Ticket ticket = action.ticket;
  (void)preparations_.take(ticket);  // for a worker that has died meanwhile
  sockets_.remove_unwatched(ticket);
  const Glance glance = action.look_first ? glance_at(sockets_.at(ticket)) : Glance{};
  if (!sockets_.shared(ticket)) {
    return look_and_send(action, glance, glance.needs_unread && holds_unread(sockets_.at(ticket)));
  }
  if (action.answered) closer_.take_unhurried();
  if (!glance.needs_unread && !action.came_back && (!action.answered || sockets_.measured(ticket))) {
    return look_and_send(action, glance, false);
  }
  SocketJob job = job_for(What::kPrepare, ticket);
  job.number = preparations_.add(action);
  job.restore = action.came_back;
  submit(std::move(job));
}

void ClientSockets::prepared(const SocketJob& job) {
  const auto action = preparations_.take_job(job.number);
  if (!action) return;
  const Ticket ticket = action->ticket;
  if (action->answered) sockets_.progress(ticket) = job.progress;
  look_and_send(*action, action->look_first ? glance_at(sockets_.at(ticket)) : Glance{}, job.unread);
}

void ClientSockets::look_and_send(const action::Dispatch& action, Glance glance, bool unread) {
  switch (glance.with_unread(unread)) {
    case event::ClientSign::kGone: return client_left(action);
    case event::ClientSign::kEnded: return action.serve_ended ? send(action) : client_left(action);
    case event::ClientSign::kSilent:
    case event::ClientSign::kAsks: return send(action);
  }
}

void ClientSockets::client_left(const action::Dispatch& action) {
  events_.tell(
      event::DispatchFailed{action.worker, action.ticket, event::DispatchFailed::Cause::kClientLeft});
}

void ClientSockets::send(const action::Dispatch& action) {
  sockets_.shared(action.ticket) = true;
  sockets_.measured(action.ticket) = false;
  sockets_.worker(action.ticket) = action.worker;
  owner_.send(action);
}

void ClientSockets::perform(const action::CloseCopy& action) {
  // If the worker has closed its copy already, ours is the last one, and its close() waits for a linger that
  // the worker has set.
  SocketJob job = job_for(What::kClose, action.ticket);
  job.awaited = close_is_the_end_;
  submit(std::move(job));
  (void)sockets_.at(action.ticket).release();
}

void ClientSockets::perform(const action::ReportGaveUp& action) {
  SocketJob job = job_for(What::kName, action.ticket);
  job.number = action.times;
  submit(std::move(job));
}

void ClientSockets::perform(const action::Inspect& action) {
  // What is not sent yet is untouched. Its progress is not known: what it is compared with is from before its
  // last answer.
  if (preparations_.has(action.ticket))
    return events_.tell(event::Inspected{action.ticket, /*untouched=*/true});
  submit(What::kInspect, action.ticket);
}

void ClientSockets::perform(const action::Dismiss& action) {
  SocketJob job = job_for(What::kDismiss, action.ticket);
  job.reply = crash_reply_;
  submit(std::move(job));
}

void ClientSockets::release(Ticket ticket, What what) {
  SocketJob job = job_for(what, ticket);
  job.awaited = close_is_the_end_;
  submit(std::move(job));
  (void)sockets_.end(ticket).release();
}

void ClientSockets::perform(const action::End& action) {
  using How = action::End::How;
  const Ticket ticket = action.ticket;
  (void)preparations_.take(ticket);
  if (!sockets_.at(ticket).valid()) return (void)sockets_.end(ticket);
  if (sockets_.watch(ticket) == SocketTable::Watch::kArmed) lobby_.forget(sockets_.at(ticket));
  const std::string_view reply = action.how == How::kCrash    ? crash_reply_
                                 : action.how == How::kReject ? reject_reply_
                                                              : std::string_view();
  if (!reply.empty()) {
    const WorkerId worker = sockets_.worker(ticket);
    return lingering_close_.start(sockets_.end(ticket), reply, ticket, worker);
  }
  const bool cut = action.how == How::kHangUp || action.how == How::kCut || action.how == How::kCrash;
  if (sockets_.shared(ticket)) return release(ticket, cut ? What::kCut : What::kClose);
  const Fd socket = sockets_.end(ticket);
  if (cut) (void)::shutdown(socket.get(), SHUT_RDWR);
}

void ClientSockets::done(SocketJob& job) {
  if (!job.late && counts(job.what)) --jobs_;
  if (job.late && (job.what == What::kInspect || job.what == What::kLook)) return;  // stuck() has answered
  const bool known = sockets_.knows(job.ticket);
  switch (job.what) {
    case What::kInspect:
      return events_.tell(event::Inspected{job.ticket, job.traffic.untouched(), job.traffic.sent});
    case What::kLook:
      return events_.tell(
          event::ClientSeen{job.ticket, job.unread ? event::ClientSign::kAsks : event::ClientSign::kEnded});
    case What::kMeasure:
      if (!known || sockets_.watch(job.ticket) == SocketTable::Watch::kNever) return;
      sockets_.progress(job.ticket) = job.progress;
      sockets_.measured(job.ticket) = true;
      return;
    case What::kPrepare: return prepared(job);
    case What::kName: return owner_.gave_up(job.reply, static_cast<unsigned>(job.number));
    case What::kDiscard: return lingering_close_.done(job);
    case What::kClose:
    case What::kCut:
    case What::kDismiss:
    case What::kAnswer: return;
  }
}

void ClientSockets::stuck(const SocketJob& job) {
  if (counts(job.what)) --jobs_;
  events_.tell(event::SocketBlocked{job.worker, job.ticket});
  // The connection is not kept waiting for the lock: the job that ends it follows the one that is stuck.
  if (job.what == What::kInspect) events_.tell(event::Inspected{job.ticket, false, true});
  if (job.what == What::kLook) events_.tell(event::ClientSeen{job.ticket, event::ClientSign::kGone});
  if (job.what != What::kPrepare) return;
  if (const auto action = preparations_.take(job.ticket))
    events_.tell(
        event::DispatchFailed{action->worker, job.ticket, event::DispatchFailed::Cause::kBadConnection});
}

void ClientSockets::write_state(PoolState& state) const {
  sockets_.write_state(state);
  state.lingering_closes = lingering_close_.state();
}

std::string ClientSockets::adopt(const PoolState& state) {
  if (std::string wrong = sockets_.adopt(state); !wrong.empty()) return wrong;
  lingering_close_.adopt(state.lingering_closes);
  return "";
}

void ClientSockets::resume() {
  for (std::size_t count = sockets_.unwatched(); count > 0; --count) watch(sockets_.take_unwatched());
}

}  // namespace prefork
