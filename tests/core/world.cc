#include "tests/core/world.h"

#include <algorithm>
#include <iterator>
#include <variant>

namespace prefork {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

World::World(Draws& draws)
    : draws_(draws),
      settings_(random_settings(draws)),
      now_(Instant{} + std::chrono::hours(1)),
      pool_(settings_, 1 + draws.below(1000), now_),
      starts_{{1, settings_.start}} {
  if (draws_.one_in(4)) refuses_one_in_ = 2;
  tell(event::DeadlinePassed{});
}

void World::tell(const Event& first) {
  pending_.push_front(first);
  while (!pending_.empty()) {
    const Event event = pending_.front();
    pending_.pop_front();
    ++events_;
    if (const auto* answer = std::get_if<event::Inspected>(&event)) note_answer(*answer);
    Actions actions;
    pool_.handle(event, now_, actions);
    compare_copy(event, actions);
    for (const Action& action : actions) std::visit([this](const auto& a) { carry_out(a); }, action);
    if (std::holds_alternative<event::DeadlinePassed>(event)) {
      const auto next = pool_.next_deadline();
      demand(!next || *next > now_, "after a deadline the next one is not in the future");
      nothing_is_overdue();
    }
    nothing_is_forgotten();
    check_everything();
  }
}

void World::note_answer(const event::Inspected& event) {
  const auto known = open_.find(event.ticket);
  if (known == open_.end() || known->second.questions == 0) return;
  Connection& c = known->second;
  if (--c.questions == 0 && held(event.ticket) && c.late_receipt && !event.untouched) count_begun(c);
}

void World::answer(const Event& event) {
  // What was asked about one connection is answered in order.
  const bool at_once = std::holds_alternative<event::Inspected>(event) && !later_.empty();
  if (!at_once && (friendly_ || draws_.one_in(2))) {
    pending_.push_front(event);
  } else {
    later_.push_back(event);
  }
}

void World::answer_late() {
  const Event event = later_.front();
  later_.pop_front();
  tell(event);
}

WorkerId World::any_worker() {
  if (processes_.empty()) return {};
  return std::next(processes_.begin(), draws_.below(processes_.size()))->first;
}

Ticket World::any_ticket() {
  switch (draws_.below(4)) {
    case 0: return last_ended_;
    case 1: return Ticket{draws_.below(1U << 22U)};
    default: break;
  }
  if (open_.empty()) return {};
  return std::next(open_.begin(), draws_.below(open_.size()))->first;
}

void World::accept() {
  if (listeners_closed_ || open_.size() >= 100 || (!accepting_ && !draws_.one_in(8))) return;
  const Ticket ticket = tickets_.allocate();
  open_[ticket].proxied = draws_.one_in(4);
  ++truth_.accepted;
  const ClientAddress client = draws_.below(3);
  connection(ticket).has_address = client != kNoAddress;
  tell(event::Accepted{ticket, 0, client, connection(ticket).proxied});
}

Ticket World::any_watched() const {
  const auto found =
      std::find_if(open_.begin(), open_.end(), [](const auto& entry) { return entry.second.watched; });
  return found == open_.end() ? Ticket{} : found->first;
}

void World::stir() {
  const Ticket ticket = any_watched();
  if (!ticket) return;
  connection(ticket).watched = false;
  const event::ClientSign signs[] = {event::ClientSign::kAsks, event::ClientSign::kGone,
                                     event::ClientSign::kEnded, event::ClientSign::kSilent};
  tell(event::ClientSeen{ticket, friendly_ ? event::ClientSign::kGone : signs[draws_.below(4)]});
}

std::string World::any_memo() {
  const std::size_t lengths[] = {0, 0, 1, 32, kMaxMemo};
  std::string memo(lengths[draws_.below(5)], '\0');
  if (!memo.empty()) memo.front() = memo.back() = static_cast<char>(draws_.below(256));
  return memo;
}

void World::park(WorkerId worker, Ticket ticket) {
  Connection& c = connection(ticket);
  const auto unread = unread_at_end(process(worker), c);
  count_begun(c);
  process(worker).hand.erase(ticket);
  ++process(worker).served;
  c.at_work = false;
  c.answered = true;
  c.comebacks.clear();
  c.given_back = false;
  c.kills = 0;
  ++truth_.parked;
  ++truth_.answered;
  if (c.dismissed) ++truth_.served;
  c.memo = any_memo();
  tell(event::WorkerParked{worker, ticket, c.memo, unread});
}

std::optional<std::uint32_t> World::unread_at_end(const Process& p, const Connection& c) {
  return c.counted || draws_.one_in(2) ? std::nullopt : unread(p);
}

void World::count_begun(Connection& c) {
  if (!std::exchange(c.counted, true)) ++truth_.begun;
}

void World::say_begun(WorkerId worker, Ticket ticket) {
  Connection& c = connection(ticket);
  if (std::exchange(c.said, true)) return;
  const auto left = unread_at_end(process(worker), c);
  count_begun(c);
  tell(event::WorkerBusy{worker, ticket, left});
}

bool World::has_something_to_do(const Process& p) const {
  if (p.dead || will_never_exist(p)) return false;
  return !p.ready || p.pinged || p.stopped || p.terminated || p.killed || p.channel_closed ||
         !p.hand.empty() || p.draining;
}

bool World::will_never_exist(const Process& p) const {
  const auto origin = processes_.find(p.from);
  return origin != processes_.end() && origin->second.hangs;
}

void World::introduce(WorkerId worker) {
  Process& p = process(worker);
  if (const auto origin = processes_.find(p.from); origin != processes_.end())
    origin->second.forked_at = now_;
  p.from = {};
  tell(event::WorkerIntroduced{worker});
}

void World::begin(WorkerId worker) {
  Process& p = process(worker);
  if (p.from) {
    introduce(worker);
    if (draws_.one_in(2)) return;
  }
  p.ready = true;
  const std::uint64_t offered = p.role == WorkerRole::kTemplate ? 0 : 1 + draws_.below(4);
  p.slots = std::min<std::uint64_t>(offered, settings_.slots);
  if (draws_.one_in(4)) p.most_unreceived = 1 + static_cast<std::uint32_t>(draws_.below(2));
  tell(event::WorkerReady{.worker = worker, .slots = offered, .most_unreceived = p.most_unreceived});
}

void World::behave(WorkerId worker) {
  Process& p = process(worker);
  if (p.dead || will_never_exist(p)) return;
  if (p.killed || p.terminated || p.channel_closed) return die(worker, Exit{Exit::Kind::kSignaled, 15});
  if (p.stopped) {
    if (!friendly_ && !draws_.one_in(4)) return;
    p.stopped = false;
    return tell(event::WorkerStopped{worker, false});
  }
  if (!p.ready) return begin(worker);
  if (p.pinged) {
    p.pinged = false;
    return tell(event::WorkerPong{worker});
  }
  if (!friendly_ && p.role == WorkerRole::kWorker && draws_.one_in(24)) return leave(worker);
  if (!p.hand.empty()) return work(worker, std::next(p.hand.begin(), draws_.below(p.hand.size()))->first);
  if (p.draining) die(worker, Exit{Exit::Kind::kExited, 0});
}

void World::work(WorkerId worker, Ticket ticket) {
  Process& p = process(worker);
  bool& begun = p.hand[ticket];
  if (begun) return go_on(worker, ticket);
  receive(p, ticket);
  if (!friendly_ && draws_.one_in(refuses_one_in_)) {
    p.hand.erase(ticket);
    connection(ticket).comebacks.insert(worker);
    ++p.refused;
    return tell(event::WorkerRefused{worker, ticket, unread(p)});
  }
  begun = true;
  connection(ticket).begun_by = worker;
  if (!connection(ticket).late_receipt || draws_.one_in(3)) say_begun(worker, ticket);
}

void World::go_on(WorkerId worker, Ticket ticket) {
  Process& p = process(worker);
  Connection& c = connection(ticket);
  if (draws_.one_in(6)) {
    say_begun(worker, ticket);
    c.at_work = true;
    return tell(event::WorkerProgress{worker, ticket});
  }
  if (c.may_park && draws_.one_in(2)) return park(worker, ticket);
  const auto left = unread_at_end(p, c);
  count_begun(c);
  p.hand.erase(ticket);
  ++truth_.served;
  ++truth_.answered;
  ++p.served;
  tell(event::WorkerIdle{worker, ticket, left});
}

void World::leave(WorkerId worker) {
  Process& p = process(worker);
  // It must not begin these any more, so others may have them.
  if (p.role == WorkerRole::kWorker && p.ready && !p.killed) {
    const auto hand = p.hand;
    for (const auto& [ticket, begun] : hand) {
      if (begun) say_begun(worker, ticket);
    }
    std::erase_if(p.hand, [this](const auto& held) {
      if (!held.second) connection(held.first).given_back = true;
      return !held.second;
    });
  }
  tell(event::WorkerLeaves{worker});
}

/// Sends a record that usually does not fit. When it happens to fit, the model follows it.
void World::misbehave(WorkerId worker) {
  const Process& p = process(worker);
  if (p.dead) return;
  if (p.role == WorkerRole::kTemplate && draws_.one_in(2)) {
    process(worker).hangs = true;
    return;
  }
  if (p.from) return die(worker, Exit{Exit::Kind::kVanished, 0});
  switch (draws_.below(14)) {
    case 13: return leave(worker);
    case 10: return tell(event::DescriptorsShort{});
    case 11: {
      if (!p.ready) return;
      return tell(event::WorkerLoad{worker, draws_.below(2000)});
    }
    case 12: {  // too late: the connection is not watched any more
      const Ticket ticket = any_ticket();
      const auto known = open_.find(ticket);
      if (known != open_.end() && known->second.in_lobby) return;
      return tell(event::ClientSeen{ticket, event::ClientSign::kAsks});
    }
    case 8: process(worker).pinged = false; return tell(event::WorkerPong{worker});
    case 9: process(worker).stopped = true; return tell(event::WorkerStopped{worker, true});
    case 0: return tell(event::WorkerViolated{worker});
    case 1: process(worker).channel_closed = true; return tell(event::ChannelClosed{worker});
    case 2: {
      const std::uint64_t impossible = p.role == WorkerRole::kWorker ? 0 : 5000;
      const auto version = draws_.below(2) == 0 ? std::nullopt : std::optional<std::uint32_t>(2);
      return tell(event::WorkerReady{worker, p.ready ? 1 : impossible, version});
    }
    case 3: {
      const Ticket ticket = any_ticket();
      const ConnectionRow* row = pool_.connections().find(ticket);
      if (row != nullptr && row->questions > 0) return;
      return tell(event::Inspected{ticket, draws_.one_in(2)});
    }
    default: return lie(worker, any_ticket());
  }
}

void World::lie(WorkerId worker, Ticket ticket) {
  const auto& hand = process(worker).hand;
  const auto in_hand = hand.find(ticket);
  const bool dispatched = in_hand != hand.end() && !in_hand->second;
  const bool begun = in_hand != hand.end() && in_hand->second;
  if (dispatched && draws_.one_in(2) && claim_unread(worker, ticket)) return;
  // What it may leave out is no lie.
  if ((dispatched || begun) && connection(ticket).late_receipt) return work(worker, ticket);
  switch (draws_.below(5)) {
    case 4:
      if (!begun || !connection(ticket).may_park)
        return tell(event::WorkerParked{worker, ticket, any_memo()});
      if (draws_.one_in(2)) return park(worker, ticket);
      return tell(event::WorkerParked{worker, ticket, std::string(kMaxMemo + 1, 'x')});
    case 0: return dispatched ? work(worker, ticket) : tell(event::WorkerBusy{worker, ticket});
    case 1: return dispatched ? work(worker, ticket) : tell(event::WorkerRefused{worker, ticket});
    case 2: return begun ? work(worker, ticket) : tell(event::WorkerIdle{worker, ticket});
    default: return begun ? work(worker, ticket) : tell(event::WorkerProgress{worker, ticket});
  }
}

void World::die(WorkerId worker, Exit exit) {
  Process& p = process(worker);
  if (p.dead) return;
  p.dead = true;
  // Where there are no receipts the kernel may say that it has received nothing of what it holds.
  const bool received_none = !friendly_ && draws_.one_in(4);
  Ticket first;  // what it had not begun, if it takes one after the other
  pool_.connections().for_each_held(worker, [&](const ConnectionRow& row) {
    if (!first && p.most_unreceived != 0 && row.state == ConnectionState::kDispatched) first = row.ticket;
  });
  for (const auto& [ticket, begun] : p.hand) {
    Connection& c = connection(ticket);
    if (received_none && c.copy_open && !c.dismissed) continue;
    c.uncertain = c.late_receipt && !c.counted;
    if (c.uncertain) {
      c.was_begun = begun;
      c.begun_by = worker;
    } else if (!begun && first && ticket != first) {
      c.given_back = true;
    } else if (!begun) {
      c.comebacks.insert(worker);
    } else if (!c.copy_open || c.dismissed) {
      ++truth_.lost;
    }
  }
  p.hand.clear();
  tell(event::WorkerExited{.worker = worker, .exit = exit, .received_none = received_none});
}

void World::reach_deadline() {
  if (const auto next = pool_.next_deadline()) {
    now_ = std::max(now_, *next);
    tell(event::DeadlinePassed{});
  }
}

void World::let_time_pass() {
  switch (draws_.below(4)) {
    case 0: now_ += milliseconds(draws_.below(50)); return;
    case 1: now_ += milliseconds(draws_.below(20'000)); return;  // the timer will be late
    default: return reach_deadline();
  }
}

void World::operate() {
  const std::uint32_t choice = draws_.below(40);
  if (choice < 2) return tell(event::FailuresForgotten{});
  if (choice < 16) return tell(event::Resized{draws_.below(8)});
  if (choice < 39) {
    const PoolSettings before = settings_;
    settings_ = random_settings(draws_);
    const bool replace =
        before.slots != settings_.slots || before.start != settings_.start || draws_.one_in(2);
    return change(replace);
  }
  stop_requested_ = true;
  tell(event::StopRequested{draws_.one_in(3)});
}

void World::change(bool replace) {
  if (replace) starts_[pool_.lifecycle().rollout().next_generation()] = settings_.start;
  using Workers = event::SettingsChanged::Workers;
  tell(event::SettingsChanged{settings_, replace ? Workers::kReplaced : Workers::kStay});
}

void World::step() {
  const std::uint32_t choice = draws_.below(32);
  if (!later_.empty() && draws_.one_in(4)) answer_late();
  if (stopped_) return;
  if (draws_.one_in(16)) copy_pool();
  if (choice < 7) return accept();
  if (choice < 9) return let_time_pass();
  if (choice == 31) return stir();
  if (choice < 11) return operate();
  WorkerId worker = any_worker();
  if (!worker) return;
  if (!has_something_to_do(process(worker))) worker = any_worker();
  if (choice == 11) return misbehave(worker);
  if (choice == 12 && !will_never_exist(process(worker))) return die(worker, Exit{Exit::Kind::kSignaled, 11});
  behave(worker);
}

bool World::whole() const {
  if (!open_.empty()) return false;
  std::size_t ready = 0;
  for (const auto& [id, p] : processes_) {
    if (has_something_to_do(p)) return false;
    if (p.role == WorkerRole::kWorker) ++ready;
  }
  bool present = true;
  pool_.workers().for_each([&](const WorkerRow& row) {
    present =
        present && row.generation == pool_.lifecycle().rollout().generation() && !row.paused && !row.retiring;
  });
  return present && ready == pool_.lifecycle().target() && accepting_;
}

void World::recover() {
  friendly_ = true;
  while (!later_.empty()) answer_late();
  const Instant end = now_ + std::chrono::minutes(10);
  for (int steps = 0; !whole(); ++steps) {
    demand(steps < 5000 && now_ < end, "the pool does not become whole again");
    const auto busy = std::find_if(processes_.begin(), processes_.end(),
                                   [this](const auto& entry) { return has_something_to_do(entry.second); });
    if (busy != processes_.end()) {
      behave(busy->first);
    } else if (any_watched()) {
      stir();
    } else {
      demand(pool_.next_deadline().has_value(), "the pool is not whole and waits for nothing");
      reach_deadline();
    }
  }
}

void World::stop() {
  const bool orderly = !stop_requested_ && friendly_;
  friendly_ = true;
  while (!later_.empty()) answer_late();
  stop_requested_ = true;
  const Instant end = now_ + settings_.stop_timeout + std::chrono::minutes(2);
  if (!stopped_) tell(event::StopRequested{});
  for (int steps = 0; !stopped_; ++steps) {
    demand(steps < 5000 && now_ < end, "the stop does not end");
    const auto busy = std::find_if(processes_.begin(), processes_.end(),
                                   [this](const auto& entry) { return has_something_to_do(entry.second); });
    if (busy != processes_.end()) {
      behave(busy->first);
    } else {
      demand(pool_.next_deadline().has_value(), "the stop waits for nothing");
      reach_deadline();
    }
  }
  demand(truth_.accepted == truth_.closed + truth_.cut + truth_.rejected,
         "not every connection was ended once");
  demand(!pool_.next_deadline(), "a deadline runs though nothing is left");
  demand(!orderly || clean_, "an orderly stop was not clean");
}

}  // namespace prefork
