// A model of everything around a Pool: sockets, worker processes, clients and the operator. Carries out the
// pool's actions, demands that each of them is possible and allowed, and chooses what happens next from a
// list of numbers. Throws a std::logic_error for what is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "supervisor/core/pool.h"

namespace prefork {

/// Numbers that decide a history; zeros when they are used up.
class Draws {
 public:
  explicit Draws(const std::vector<std::uint32_t>& numbers) : numbers_(numbers) {}
  [[nodiscard]] bool used_up() const { return next_ >= numbers_.size(); }
  /// 0 to `choices` - 1
  std::uint32_t below(std::size_t choices) {
    return used_up() ? 0 : numbers_[next_++] % static_cast<std::uint32_t>(choices);
  }
  bool one_in(std::size_t choices) { return below(choices) == choices - 1; }

 private:
  const std::vector<std::uint32_t>& numbers_;
  std::size_t next_ = 0;
};

[[nodiscard]] PoolSettings random_settings(Draws& draws);

class World {
 public:
  explicit World(Draws& draws);

  /// Something happens: a client comes, a worker speaks, lies or dies, time passes, the operator intervenes.
  void step();
  /// From now on all workers behave. The pool must become whole and serve all connections.
  void recover();
  /// A graceful stop with workers that behave must end, and each connection must have been ended once.
  void stop();

  [[nodiscard]] bool stop_requested() const { return stop_requested_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  struct Process {
    WorkerRole role = WorkerRole::kWorker;
    Generation generation = 0;
    WorkerId from;  ///< the template that has yet to fork it
    Instant asked_at;
    Instant forked_at;   ///< a template: the last time
    bool hangs = false;  ///< a template: forks no worker any more
    bool ready = false;
    std::uint64_t slots = 0;
    bool draining = false;
    bool terminated = false;
    bool killed = false;
    bool channel_closed = false;
    bool stopped = false;
    bool pinged = false;
    bool dead = false;
    std::uint64_t served = 0, refused = 0;
    std::vector<Ticket> sent;  ///< the datagrams for it; no ticket: not a connection
    std::size_t received = 0;  ///< of these
    std::vector<Ticket> late;  ///< dispatched, but their sockets are still being prepared
    std::uint32_t most_unreceived = 0;
    std::map<Ticket, bool> hand;  ///< what it has received and not finished; true: begun
  };
  struct Connection {
    bool copy_open = true;
    bool touched = false;
    bool dismissed = false;
    bool watched = false;  ///< a ClientSeen is awaited for it
    bool in_lobby = false;
    bool may_be_late = false;      ///< its socket may have to be prepared before it is sent
    bool may_park = false;         ///< its worker was allowed to park it
    bool at_work = false;          ///< its worker has sent Progress
    bool answered = false;         ///< was parked before
    bool given_back = false;       ///< a worker that left by itself, or died before it came to it, had it
    bool proxied = false;          ///< accepted where a PROXY header comes first
    std::string memo;              ///< what the last Park left
    std::set<WorkerId> comebacks;  ///< the workers that it came back from
    bool has_address = false;      ///< TCP
    bool late_receipt = false;     ///< its worker may leave its receipt out
    bool said = false;             ///< its worker has sent the receipt
    bool counted = false;          ///< the pool counts it as begun by its worker
    bool uncertain = false;        ///< its worker died, and no record tells whether it had begun it
    bool was_begun = false;        ///< with uncertain: whether it had
    int questions = 0;             ///< Inspect actions that are not answered
    WorkerId begun_by;
    int kills = 0;  ///< workers that died of it, begun and untouched
  };
  /// What the counters must be.
  struct Truth {
    std::uint64_t accepted = 0, begun = 0, served = 0, lost = 0, parked = 0;
    std::uint64_t closed = 0, cut = 0, rejected = 0;
    std::uint64_t answered = 0;  ///< Idle and Park
    std::uint64_t deaths = 0, unplanned = 0;
    std::uint64_t took_over = 0, failed = 0, abandoned = 0;
  };

  static void demand(bool fulfilled, const char* what);
  void tell(const Event& event);
  /// From now on a copy of the pool, made from its snapshot, gets the same events and must do the same.
  void copy_pool();
  void compare_copy(const Event& event, const Actions& actions);
  /// A pool that says that it is settled must find nothing to do when it looks at all workers.
  void nothing_is_forgotten();
  void check_everything();
  void memos_are_kept();
  void nothing_is_overdue();
  void is_not_overdue(const ConnectionRow& row);
  void deaths_and_times_add_up();
  void carry_out(const action::StartWorker& action);
  void carry_out(const action::SendDrain& action);
  void carry_out(const action::SignalWorker& action);
  void carry_out(const action::SendPing& action);
  void carry_out(const action::Measure& action);
  void carry_out(const action::Dismiss& action);
  void carry_out(const action::ForgetWorker& action);
  void carry_out(const action::Dispatch& action);
  void carry_out(const action::SendYield& action);
  void carry_out(const action::Watch& action);
  void carry_out(const action::Look& action);
  void carry_out(const action::CloseCopy& action);
  void carry_out(const action::Inspect& action);
  void carry_out(const action::End& action);
  void carry_out(const action::SetAccepting& action);
  void carry_out(const action::CloseListeners& action);
  void carry_out(const action::ReportDeath& action);
  void carry_out(const action::ReportRollout& action);
  void carry_out(const action::ReportViolation& action);
  void carry_out(const action::Stopped& action);
  template <typename Report>
  void carry_out(const Report& /*report*/) {}

  /// Answers at once or later, as the Closer does.
  void answer(const Event& event);
  void answer_late();
  /// The answer to an Inspect is about to be told.
  void note_answer(const event::Inspected& event);
  void accept();
  /// The client of a connection in the lobby sends something, leaves, or did neither (a false alarm).
  void stir();
  void park(WorkerId worker, Ticket ticket);
  void behave(WorkerId worker);
  void introduce(WorkerId worker);
  /// The worker identifies itself, if it was forked, and says Ready.
  void begin(WorkerId worker);
  void work(WorkerId worker, Ticket ticket);
  void go_on(WorkerId worker, Ticket ticket);
  /// The worker sends the receipt, if it has left it out so far.
  void say_begun(WorkerId worker, Ticket ticket);
  void count_begun(Connection& connection);
  /// What comes with the record that ends a connection.
  std::optional<std::uint32_t> unread_at_end(const Process& p, const Connection& connection);
  /// The worker says that it takes nothing more, which it may say at any time after its Ready.
  void leave(WorkerId worker);
  void misbehave(WorkerId worker);
  void lie(WorkerId worker, Ticket ticket);
  /// The worker takes everything up to this connection out of its channel, perhaps more.
  void receive(Process& p, Ticket ticket);
  /// What the kernel tells of its channel, if the supervisor looks.
  std::optional<std::uint32_t> unread(const Process& p);
  /// Claims the connection without having received it, if it has not.
  bool claim_unread(WorkerId worker, Ticket ticket);
  void change(bool replace);
  void die(WorkerId worker, Exit exit);
  void let_time_pass();
  void reach_deadline();
  void operate();
  [[nodiscard]] bool has_something_to_do(const Process& process) const;
  /// Its template hangs, so the worker will never exist.
  [[nodiscard]] bool will_never_exist(const Process& process) const;
  /// A worker that never identified itself is given up; its template may have to leave for that.
  void vanish(WorkerId worker);
  [[nodiscard]] bool whole() const;
  [[nodiscard]] bool held(Ticket ticket) const;
  Process& process(WorkerId worker);
  Connection& connection(Ticket ticket);
  [[nodiscard]] Ticket any_watched() const;
  WorkerId any_worker();
  Ticket any_ticket();
  std::string any_memo();

  Draws& draws_;
  PoolSettings settings_;
  Instant now_;
  Pool pool_;
  std::unique_ptr<Pool> copy_;
  std::map<WorkerId, Process> processes_;
  std::map<Ticket, Connection> open_;
  SlotAllocator<Ticket> tickets_;
  std::deque<Event> pending_;  ///< the answers to actions
  std::deque<Event> later_;    ///< answers that take a call that can wait
  Truth truth_;
  std::map<Generation, StartForm> starts_;
  WorkerId newest_;
  Ticket last_ended_;
  std::uint64_t events_ = 0;
  bool friendly_ = false;  ///< nothing goes wrong any more
  bool accepting_ = false;
  bool stop_requested_ = false;
  bool listeners_closed_ = false;
  bool stopped_ = false;
  bool clean_ = false;
  bool claims_unread_ = false;
  std::size_t refuses_one_in_ = 8;
};

}  // namespace prefork
