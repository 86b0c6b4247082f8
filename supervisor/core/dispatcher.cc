#include "supervisor/core/dispatcher.h"

#include <algorithm>
#include <utility>

namespace prefork {
namespace {

void earlier(std::optional<Instant>& earliest, Instant candidate) {
  if (!earliest || candidate < *earliest) earliest = candidate;
}

// Without the setting the default applies, to connections that are in the lobby when a reload takes it away.
Duration silent_timeout(const PoolSettings& settings) {
  return settings.first_byte_timeout.value_or(std::chrono::seconds(30));
}
Duration park_timeout(const PoolSettings& settings) {
  return settings.keep_alive.value_or(PoolSettings::KeepAlive()).idle_timeout;
}

/// A worker has had its socket, which may have to be prepared before it is sent: connections that are
/// dispatched later may be sent before it.
bool may_be_late(const action::Dispatch& dispatch) { return dispatch.came_back || dispatch.answered; }

/// The kernel counts the bytes of a TCP connection; no answer to a question about them may be on its way.
bool may_leave_receipt_out(bool copy_kept, const WorkerRow& worker, const ConnectionRow& connection) {
  return copy_kept && worker.slots == 1 && connection.client != kNoAddress && connection.questions == 0;
}

}  // namespace

void Dispatcher::accepted(const event::Accepted& event, Instant now, Actions& out) {
  ++counters_.accepted;
  ConnectionRow& row = connections_.add(event.ticket, event.listener, now, event.client);
  row.proxied = event.proxied;
  if (settings_.per_address != 0 && connections_.connections_from(event.client) > settings_.per_address) {
    end(event.ticket, action::End::How::kReject, counters_.rejected, out);
    return;
  }
  if (settings_.first_byte_timeout) return enter_lobby(row, ConnectionState::kSilent, now, out);
  enqueue(row, now, out);
}

void Dispatcher::enqueue(ConnectionRow& row, Instant now, Actions& out) {
  row.asked_at = now;
  connections_.enqueue(row, now, /*came_back=*/false);
  // The queue is empty while a worker is free, except in a pause: then it must not grow beyond its limit.
  if (connections_.queued() <= settings_.queue_max || settings_.full != QueueFull::kReject) return;
  const ConnectionRow& spared = *connections_.last_to_be_served(order(now));
  end(spared.ticket, action::End::How::kReject, counters_.rejected, out);
}

void Dispatcher::dispatch(Instant now, Actions& out) {
  if (paused_until_ && *paused_until_ <= now) paused_until_.reset();
  if (!paused_until_) hand_out(now, out);
  if (connections_.queued() > 0 && !workers_.room_after_receipt()) ask_to_park(out);
  counters_.queue_high = std::max<std::uint64_t>(counters_.queue_high, connections_.queued());
}

void Dispatcher::hand_out(Instant now, Actions& out) {
  for (;;) {
    const ConnectionTable::Order by = order(now);
    if (connections_.queued() == 0) break;
    const WorkerRow* choice = workers_.least_busy(settings_.prefer);
    if (choice == nullptr) break;
    ConnectionRow* connection = next_for(*choice, by);
    connections_.assign(*connection, choice->id, now, by.newest_first);
    dispatch_to(*workers_.find(choice->id), *connection, now, out);
  }
}

ConnectionRow* Dispatcher::next_for(const WorkerRow& worker, ConnectionTable::Order order) {
  ConnectionRow* first = connections_.front(order);
  if (!first->came_back_from(worker.id)) return first;
  // Another worker shall have it. This one gets it again only when it has nothing else to do.
  ConnectionRow* next = connections_.front_of_waiting(order);
  return next != nullptr ? next : first;
}

ConnectionTable::Order Dispatcher::order(Instant now) {
  ConnectionTable::Order order{.by_turns = settings_.fairness == QueueFairness::kAddress};
  if (settings_.order != QueueOrder::kAdaptive) return order;
  const ConnectionRow* oldest = connections_.longest_queued();
  standing_.observe(oldest == nullptr ? std::nullopt : std::optional(oldest->queued_at),
                    settings_.queue_target, now);
  order.newest_first = standing_.newest_first(now);
  return order;
}

void Dispatcher::dispatch_to(WorkerRow& worker, ConnectionRow& connection, Instant now, Actions& out) {
  if (worker.load == 0) worker.since = now;
  workers_.reserve(worker);
  const Duration waited = now - connection.asked_at;
  ++counters_.dispatched;
  if (!std::exchange(connection.sent, true)) counters_.waits.add(waited, now);
  action::Dispatch action{.worker = worker.id,
                          .ticket = connection.ticket,
                          .listener = connection.listener,
                          .accepted_at = connection.accepted_at,
                          .waited = waited,
                          .came_back = connection.redispatches > 0 || connection.given_back,
                          .answered = connection.answered,
                          .look_first = waited >= kLookAfter,
                          .serve_ended = settings_.half_closed == HalfClosed::kServe,
                          .may_park = settings_.keep_alive && lobby_open_,
                          .last = !lobby_open_,
                          .proxied = connection.proxied && !connection.answered,
                          .memo = connections_.memo(connection)};
  connection.may_park = action.may_park;
  action.copy_kept = settings_.hold == Hold::kDone || action.may_park;
  action.late_receipt = may_leave_receipt_out(action.copy_kept, worker, connection);
  if (action.late_receipt) connections_.allow_late_receipt(connection);
  if (action.may_park) {
    action.park_at_once = !worker_may_keep();
    if (!action.park_at_once && !std::exchange(worker.may_keep, true)) keepers_.push_back(worker.id);
  }
  connection.datagram = may_be_late(action) ? 0 : ++worker.datagrams;
  out.push_back(action);
  if (connection.redispatches > 0 && !connection.came_back_from(worker.id)) {
    out.push_back(action::ReportRedispatched{worker.id, connection.ticket, connection.redispatches});
  }
}

bool Dispatcher::worker_may_keep() const {
  // While another worker is free no connection needs this worker's slot: it may keep the connection for a
  // moment. But an elastic pool must not start a worker because of connections that are only kept.
  if (settings_.elastic && workers_.idle() <= settings_.elastic->spare) return false;
  return workers_.least_busy(settings_.prefer) != nullptr || workers_.room_after_receipt();
}

void Dispatcher::ask_to_park(Actions& out) {
  for (const WorkerId keeper : keepers_) {
    WorkerRow* worker = workers_.find(keeper);
    if (worker == nullptr) continue;
    worker->may_keep = false;
    if (worker->load == 0) continue;
    ++worker->datagrams;
    out.push_back(action::SendYield{keeper});
  }
  keepers_.clear();
}

void Dispatcher::dispatch_failed(const event::DispatchFailed& event, WorkerRow& row, Instant now,
                                 Actions& out) {
  ConnectionRow* connection = find_held(row, event.ticket);
  if (connection == nullptr) return;
  forget_datagram(row, *connection);
  take_from(row, *connection);
  switch (event.cause) {
    case event::DispatchFailed::Cause::kBadConnection:
      end(event.ticket, action::End::How::kClose, counters_.discarded, out);
      return;
    case event::DispatchFailed::Cause::kClientLeft:
      end(event.ticket, action::End::How::kClose, counters_.left, out);
      return;
    case event::DispatchFailed::Cause::kNoResources: paused_until_ = now + kResourcePause; break;
    case event::DispatchFailed::Cause::kWorkerFull:
    case event::DispatchFailed::Cause::kWorkerGone: break;
  }
  // Nothing reached the worker, so this does not count as coming back.
  connections_.requeue(*connection, now);
}

void Dispatcher::forget_datagram(WorkerRow& row, const ConnectionRow& connection) {
  if (connection.datagram == 0) return;
  --row.datagrams;
  // Those that were ordered together with it and behind it.
  for (ConnectionRow* later = connections_.last_held(row.id); later != nullptr && later != &connection;
       later = connections_.previous_held(*later)) {
    if (later->datagram != 0) --later->datagram;
  }
}

bool Dispatcher::has_not_received(const WorkerRow& worker, const ConnectionRow& connection, Unread unread) {
  const auto behind = [&](std::uint64_t others) {
    return connection.datagram + *unread > worker.datagrams + others;
  };
  if (!unread || connection.datagram == 0 || !behind(0)) return false;
  std::uint64_t late = 0;  // not begun, so perhaps unread, and sent at any time
  connections_.for_each_held(worker.id, [&](const ConnectionRow& held) {
    if (held.datagram == 0 && held.state == ConnectionState::kDispatched) ++late;
  });
  return behind(late);
}

ConnectionRow* Dispatcher::find_held(const WorkerRow& row, Ticket ticket) {
  ConnectionRow* connection = connections_.find(ticket);
  return connection != nullptr && connection->worker == row.id ? connection : nullptr;
}

std::optional<Dispatcher::What> Dispatcher::busy(WorkerRow& row, Ticket ticket, Unread unread, Instant now,
                                                 Actions& out) {
  ConnectionRow* connection = find_held(row, ticket);
  if (connection == nullptr) return What::kUnknownTicket;
  if (connection->state == ConnectionState::kBusy && std::exchange(connection->late_receipt, false))
    return std::nullopt;  // the kernel has told it before
  if (connection->state != ConnectionState::kDispatched) return What::kWrongState;
  if (has_not_received(row, *connection, unread)) return What::kNotReceived;
  connection->late_receipt = false;
  begin(row, *connection, now, now);
  close_copy_if_due(*connection, out);
  return std::nullopt;
}

void Dispatcher::begin(WorkerRow& row, ConnectionRow& connection, Instant begun_at, Instant now) {
  connections_.begin(connection, begun_at, now);
  workers_.begin(row);
  row.received_at = now;
  ++counters_.begun;
}

void Dispatcher::close_copy_if_due(ConnectionRow& connection, Actions& out) {
  if (settings_.hold == Hold::kReceipt && !connection.may_park) {
    connection.copy_held = false;
    out.push_back(action::CloseCopy{connection.ticket});
  }
}

std::optional<Dispatcher::What> Dispatcher::begin_late(WorkerRow& row, ConnectionRow& connection,
                                                       Unread unread, Instant now) {
  if (connection.state == ConnectionState::kBusy) return std::nullopt;
  if (!connection.late_receipt) return What::kWrongState;
  if (has_not_received(row, connection, unread)) return What::kNotReceived;
  begin(row, connection, /*begun_at=*/connection.since, now);
  return std::nullopt;
}

std::optional<Dispatcher::What> Dispatcher::idle(WorkerRow& row, Ticket ticket, Unread unread, Instant now,
                                                 Actions& out) {
  ConnectionRow* connection = find_held(row, ticket);
  if (connection == nullptr) return What::kUnknownTicket;
  if (const auto wrong = begin_late(row, *connection, unread, now)) return wrong;
  finish(row, *connection, now);
  end(ticket, action::End::How::kClose, counters_.served, out);
  return std::nullopt;
}

void Dispatcher::finish(WorkerRow& row, const ConnectionRow& connection, Instant now) {
  workers_.release(row);
  ++row.served;
  counters_.busy_times.add(now - connection.begun_at, now);
}

std::optional<Dispatcher::What> Dispatcher::refused(WorkerRow& row, Ticket ticket, Unread unread, Instant now,
                                                    Actions& out) {
  ConnectionRow* connection = find_held(row, ticket);
  if (connection == nullptr) return What::kUnknownTicket;
  if (connection->state != ConnectionState::kDispatched) return What::kWrongState;
  if (has_not_received(row, *connection, unread)) return What::kNotReceived;
  ++row.refused;
  row.received_at = now;
  take_from(row, *connection);
  (void)come_back(*connection, remember(*connection, row.id), now,
                  out);  // either way the worker is rid of it
  return std::nullopt;
}

std::optional<Dispatcher::What> Dispatcher::progress(const WorkerRow& row, Ticket ticket, Instant now) {
  ConnectionRow* connection = find_held(row, ticket);
  if (connection == nullptr) return What::kUnknownTicket;
  if (connection->state != ConnectionState::kBusy) return What::kWrongState;
  connections_.progress(*connection, now);
  return std::nullopt;
}

void Dispatcher::forget_receipts(const WorkerRow& row) {
  for (ConnectionRow* held = connections_.first_held(row.id); held != nullptr;
       held = connections_.next_held(*held)) {
    connections_.forget_receipt(*held);
  }
}

void Dispatcher::expire(Instant now, Actions& out) {
  for (int i = 0; i < kExpireAtOnce; ++i) {
    const ConnectionRow* row = connections_.longest_queued();
    if (row == nullptr || now < row->queued_at + settings_.queue_timeout) break;
    end(row->ticket, action::End::How::kReject, counters_.expired, out);
  }
  expire_lobby(ConnectionState::kSilent, silent_timeout(settings_), now, out);
  expire_lobby(ConnectionState::kParked, park_timeout(settings_), now, out);
}

void Dispatcher::discard_queue(Actions& out) {
  while (ConnectionRow* row = connections_.longest_queued()) {
    end(row->ticket, action::End::How::kReject, counters_.discarded, out);
  }
}

void Dispatcher::look_for_receipts(Instant now, Actions& out) {
  for (ConnectionRow* row = connections_.longest_late(); row != nullptr && now >= row->since + late_receipt();
       row = connections_.longest_late()) {
    connections_.forget_receipt(*row);
    inspect(*row, out);
  }
}

std::optional<WorkerId> Dispatcher::overdue_receipt(Instant now, Actions& out) {
  for (ConnectionRow* oldest = connections_.longest_without_receipt();
       oldest != nullptr && now >= oldest->since + settings_.receipt_timeout;
       oldest = connections_.longest_without_receipt()) {
    // It takes one after the other: the time of the next one begins with this receipt.
    const WorkerRow& worker = *workers_.find(oldest->worker);
    if (worker.most_unreceived != 0 && worker.received_at > oldest->since) {
      connections_.forget_receipt(*oldest);
      oldest->since = worker.received_at;
      connections_.await_receipt(*oldest);
      continue;
    }
    // One that was begun after the first look has said nothing since.
    if (!oldest->late_receipt || std::exchange(oldest->looked_last, true)) return oldest->worker;
    connections_.forget_receipt(*oldest);
    inspect(*oldest, out);
  }
  return std::nullopt;
}

std::optional<WorkerId> Dispatcher::dismiss_overdue(Instant now, Actions& out) {
  ConnectionRow* oldest = connections_.longest_active();
  if (settings_.busy_timeout == Duration::zero() || oldest == nullptr ||
      now < oldest->since + settings_.busy_timeout) {
    return std::nullopt;
  }
  connections_.forget_progress(*oldest);
  if (oldest->copy_held) {
    oldest->dismissed = true;
    out.push_back(action::Dismiss{oldest->ticket});
  }
  return oldest->worker;
}

std::optional<Instant> Dispatcher::next_deadline() {
  std::optional<Instant> earliest;
  const ConnectionRow* active = connections_.longest_active();
  if (active != nullptr && settings_.busy_timeout > Duration::zero())
    earlier(earliest, active->since + settings_.busy_timeout);
  if (const ConnectionRow* row = connections_.longest_in_lobby(ConnectionState::kSilent))
    earlier(earliest, row->since + silent_timeout(settings_));
  if (const ConnectionRow* row = connections_.longest_in_lobby(ConnectionState::kParked))
    earlier(earliest, row->since + park_timeout(settings_));
  if (const ConnectionRow* row = connections_.longest_without_receipt())
    earlier(earliest, row->since + settings_.receipt_timeout);
  if (const ConnectionRow* row = connections_.longest_late()) earlier(earliest, row->since + late_receipt());
  if (const ConnectionRow* row = connections_.longest_queued()) {
    earlier(earliest, row->queued_at + settings_.queue_timeout);
    if (paused_until_) earlier(earliest, *paused_until_);
  }
  return earliest;
}

void Dispatcher::end(Ticket ticket, action::End::How how, std::uint64_t& counter, Actions& out) {
  ++counter;
  connections_.remove(ticket);
  out.push_back(action::End{ticket, how});
}

}  // namespace prefork
