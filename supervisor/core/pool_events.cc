// The part of Pool that takes what happens to connections and workers. Records of workers are not trusted:
// one that does not fit the tables changes nothing, is reported, and its worker is killed.
#include "supervisor/core/pool.h"

#include <chrono>

namespace prefork {
namespace {

/// Between two reports that the same worker is stopped.
constexpr Duration kStopTold = std::chrono::seconds(1);

}  // namespace

using What = Violation::What;

void Pool::violated(WorkerRow& row, const Violation& violation, Instant now, Actions& out) {
  if (row.kill_sent) return;  // it is being killed: what it says does not count
  row.violation = violation;
  out.push_back(action::ReportViolation{row.id, violation});
  ++counters_.violations;
  dispatcher_.forget_receipts(row);
  lifecycle_.kill(row, StopReason::kViolation, now, out);
}

WorkerRow* Pool::known_ready(WorkerId worker, Ticket ticket, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(worker);
  if (row == nullptr || row->was_ready) return row;
  violated(*row, {What::kNotReady, ticket.value}, now, out);
  return nullptr;
}

void Pool::on(const event::Accepted& event, Instant now, Actions& out) {
  dispatcher_.accepted(event, now, out);
}

void Pool::on(const event::DispatchFailed& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  dispatcher_.dispatch_failed(event, *row, now, out);
  switch (event.cause) {
    case event::DispatchFailed::Cause::kWorkerGone: lifecycle_.await_death(*row, now); break;
    case event::DispatchFailed::Cause::kWorkerFull: lifecycle_.pause(*row, now + Dispatcher::kPause); break;
    case event::DispatchFailed::Cause::kClientLeft: lifecycle_.released(*row, now); break;
    case event::DispatchFailed::Cause::kNoResources:
    case event::DispatchFailed::Cause::kBadConnection: break;
  }
}

void Pool::on(const event::Inspected& event, Instant now, Actions& out) {
  dispatcher_.inspected(event, now, out);
}

void Pool::on(const event::WorkerIntroduced& event, Instant now, Actions& /*out*/) {
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.introduced(*row, now);
}

void Pool::on(const event::ClientSeen& event, Instant now, Actions& out) {
  dispatcher_.client_seen(event, now, out);
}

void Pool::on(const event::DescriptorsShort& /*event*/, Instant now, Actions& out) {
  dispatcher_.make_room(now, out);
}

void Pool::on(const event::WorkerReady& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  if (const auto wrong = lifecycle_.ready(*row, event, now, out)) {
    const std::uint64_t value = wrong == What::kBadSlots ? event.slots : event.foreign_version.value_or(0);
    violated(*row, {*wrong, value}, now, out);
  }
}

void Pool::on(const event::WorkerBusy& event, Instant now, Actions& out) {
  WorkerRow* row = known_ready(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.busy(*row, event.ticket, event.unread, now, out)) {
    violated(*row, {*wrong, event.ticket.value}, now, out);
  }
}

void Pool::on(const event::WorkerIdle& event, Instant now, Actions& out) {
  WorkerRow* row = known_ready(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.idle(*row, event.ticket, event.unread, now, out)) {
    violated(*row, {*wrong, event.ticket.value}, now, out);
  } else {
    lifecycle_.served(*row, now, out);
  }
}

void Pool::on(const event::WorkerParked& event, Instant now, Actions& out) {
  WorkerRow* row = known_ready(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.parked(*row, event, now, out)) {
    violated(*row, {*wrong, event.ticket.value}, now, out);
  } else {
    lifecycle_.served(*row, now, out);
  }
}

void Pool::on(const event::WorkerRefused& event, Instant now, Actions& out) {
  WorkerRow* row = known_ready(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.refused(*row, event.ticket, event.unread, now, out)) {
    violated(*row, {*wrong, event.ticket.value}, now, out);
  } else {
    lifecycle_.pause(*row, now + Dispatcher::kPause);
    lifecycle_.released(*row, now);
  }
}

void Pool::on(const event::WorkerLeaves& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr || row->kill_sent) return;
  if (row->status == WorkerStatus::kStarting || row->role == WorkerRole::kTemplate)
    return violated(*row, {What::kUnexpectedLeave}, now, out);
  if (!row->was_ready) return;  // its Ready came after the signal to end it
  if (dispatcher_.give_back(*row, now, out)) lifecycle_.released(*row, now);
  lifecycle_.leave(*row, now, out);
}

void Pool::on(const event::WorkerProgress& event, Instant now, Actions& out) {
  WorkerRow* row = known_ready(event.worker, event.ticket, now, out);
  if (row == nullptr) return;
  if (const auto wrong = dispatcher_.progress(*row, event.ticket, now)) {
    violated(*row, {*wrong, event.ticket.value}, now, out);
  } else {
    lifecycle_.progressed(*row);
  }
}

void Pool::on(const event::WorkerPong& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  if (row->pinged_at) {
    lifecycle_.ponged(*row, now);
  } else {
    violated(*row, {What::kUnexpectedPong}, now, out);
  }
}

void Pool::on(const event::SocketBlocked& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  const bool kill = row != nullptr && !row->kill_sent;
  out.push_back(action::ReportSocketBlocked{event.worker, event.ticket, kill});
  if (!kill) return;
  dispatcher_.forget_receipts(*row);
  lifecycle_.kill(*row, StopReason::kSocketBlocked, now, out);
}

void Pool::on(const event::WorkerLoad& event, Instant now, Actions& out) {
  WorkerRow* row = known_ready(event.worker, Ticket{}, now, out);
  if (row != nullptr) workers_.set_reported_load(*row, event.load);
}

void Pool::on(const event::WorkerStopped& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  // A worker may have a process that stops and continues it all the time.
  const bool news = event.stopped ? !row->stopped && (!row->stop_told || now - *row->stop_told >= kStopTold)
                                  : row->stopped && row->awaits_going_on;
  if (news) {
    if (event.stopped) row->stop_told = now;
    row->awaits_going_on = event.stopped;
    out.push_back(action::ReportStopped{row->id, event.stopped});
  }
  lifecycle_.stopped(*row, event.stopped);
}

void Pool::on(const event::WorkerMeasured& event, Instant /*now*/, Actions& /*out*/) {
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.measured(*row, event.rss);
}

void Pool::on(const event::WorkerViolated& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row != nullptr) violated(*row, {What::kForbidden, 0, event.what}, now, out);
}

void Pool::on(const event::ChannelClosed& event, Instant now, Actions& /*out*/) {
  // A worker that is leaving closes its channel, too; its deadline runs already.
  if (WorkerRow* row = workers_.find(event.worker)) lifecycle_.await_death(*row, now);
}

void Pool::on(const event::WorkerExited& event, Instant now, Actions& out) {
  WorkerRow* row = workers_.find(event.worker);
  if (row == nullptr) return;
  const Dispatcher::Held held = dispatcher_.take_back(*row, event.received_none, now, out);
  lifecycle_.exited(*row, event, held, now, out);
}

}  // namespace prefork
