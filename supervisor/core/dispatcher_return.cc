// The part of Dispatcher for connections that come back from a worker, to be sent to another one.
#include <tuple>
#include <utility>

#include "supervisor/core/dispatcher.h"

namespace prefork {
namespace {

/// Its worker may have begun it without saying so.
bool may_be_begun(const ConnectionRow& connection) {
  return connection.state == ConnectionState::kDispatched && connection.late_receipt;
}

}  // namespace

Dispatcher::Held Dispatcher::take_back(WorkerRow& row, bool received_none, Instant now, Actions& out) {
  Held held;
  bool reached = false;  // the first of those that it had not begun
  if (row.may_keep) std::erase(keepers_, row.id);
  while (ConnectionRow* connection = connections_.first_held(row.id)) {
    const bool never_had = received_none && connection->copy_held && !connection->dismissed;
    const bool uncertain = may_be_begun(*connection);
    const bool begun = !never_had && (connection->state == ConnectionState::kBusy || uncertain);
    // With such a limit it takes one after the other: it has not come to those behind the first.
    const bool behind = !never_had && !begun && row.most_unreceived != 0 && std::exchange(reached, true);
    take_from(row, *connection);
    connection->given_back = connection->given_back || behind;
    // What cannot be what killed the worker does not count as coming back.
    const bool first_time = behind || (!never_had && remember(*connection, row.id));
    if (begun) {
      take_begun(*connection, uncertain, held, out);
    } else {
      ++(come_back(*connection, first_time, now, out) ? held.unbegun : held.closed);
    }
  }
  return held;
}

std::uint32_t Dispatcher::unreceived_by(const WorkerRow& row) const {
  std::uint32_t count = 0;
  connections_.for_each_held(row.id, [&count](const ConnectionRow& held) {
    if (held.state == ConnectionState::kDispatched) ++count;
  });
  return count;
}

void Dispatcher::restored() {
  workers_.for_each([this](WorkerRow& row) {
    if (std::exchange(row.one_unreceived, false)) row.most_unreceived = 1;
    workers_.set_unreceived(row, unreceived_by(row));
  });
}

void Dispatcher::take_from(WorkerRow& row, ConnectionRow& connection) {
  connection.state == ConnectionState::kDispatched ? workers_.withdraw(row) : workers_.release(row);
  connections_.unassign(connection);
}

void Dispatcher::take_begun(ConnectionRow& connection, bool uncertain, Held& held, Actions& out) {
  ++held.begun;
  if (uncertain) ++held.uncertain;
  if (!connection.copy_held || connection.dismissed)
    return end(connection.ticket, action::End::How::kClose, counters_.lost, out);
  connection.state = ConnectionState::kInspected;
  connection.late_receipt = uncertain;
  inspect(connection, out);
}

bool Dispatcher::give_back(WorkerRow& row, Instant now, Actions& out) {
  const std::uint32_t load = row.load;
  for (ConnectionRow* next = connections_.first_held(row.id); next != nullptr;) {
    ConnectionRow& connection = *next;
    next = connections_.next_held(connection);
    if (connection.state != ConnectionState::kDispatched) continue;
    take_from(row, connection);
    connection.given_back = true;
    ++counters_.redispatched;
    // Without a count of attempts, time is what ends them: the connection gets no new time in the queue.
    (void)come_back(connection, /*first_time=*/false, now, out);
  }
  return row.load != load;
}

void Dispatcher::inspect(ConnectionRow& connection, Actions& out) {
  ++connection.questions;
  out.push_back(action::Inspect{connection.ticket});
}

void Dispatcher::inspected(const event::Inspected& event, Instant now, Actions& out) {
  ConnectionRow* connection = connections_.find(event.ticket);
  if (connection == nullptr || connection->questions == 0) return;
  if (--connection->questions > 0) return;  // the answer is older than the last question
  if (may_be_begun(*connection)) {
    if (event.untouched) return connections_.await_receipt(*connection);
    begin(*workers_.find(connection->worker), *connection, /*begun_at=*/connection->since, now);
    return close_copy_if_due(*connection, out);
  }
  if (connection->state != ConnectionState::kInspected) return;
  const bool uncertain = std::exchange(connection->late_receipt, false);
  if (!event.untouched) {
    if (uncertain) ++counters_.begun;
    // Not only closed: processes that the dead worker left behind may hold copies, and the client shall know
    // at once.
    const auto how = event.answered ? action::End::How::kCut : action::End::How::kCrash;
    return end(event.ticket, how, counters_.lost, out);
  }
  if (!uncertain && ++connection->kills == kMaxKills) return give_up(*connection, out);
  (void)come_back(*connection, /*first_time=*/true, now, out);  // the dead worker had it, either way
}

void Dispatcher::give_up(ConnectionRow& row, Actions& out) {
  out.push_back(action::ReportGaveUp{row.ticket, row.redispatches});
  end(row.ticket, action::End::How::kCrash, counters_.gave_up, out);
}

bool Dispatcher::remember(ConnectionRow& row, WorkerId worker) {
  static_assert(std::tuple_size_v<decltype(row.came_from)> == kMaxRedispatches);
  if (row.came_back_from(worker)) return false;
  if (row.redispatches < row.came_from.size()) row.came_from[row.redispatches] = worker;
  ++row.redispatches;
  return true;
}

bool Dispatcher::come_back(ConnectionRow& row, bool first_time, Instant now, Actions& out) {
  if (row.redispatches > kMaxRedispatches) return give_up(row, out), false;
  if (first_time) {
    ++counters_.redispatched;
    connections_.enqueue(row, now, /*came_back=*/true);
    return true;
  }
  // One worker may refuse the same connection any number of times. That gives the connection no new time.
  if (now >= row.queued_at + settings_.queue_timeout)
    return end(row.ticket, action::End::How::kReject, counters_.expired, out), false;
  connections_.requeue(row, now);
  return true;
}

}  // namespace prefork
