// The supervisor's status for everything that asks: at most one request of a kind is under way, and its
// answer goes to all that wait for it. Whatever happens, a question is answered within kPatience: with the
// answer, else with the last one if it is not older than kStale, else with nothing. In the first second of
// this process there is more time: it knows nothing yet.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "supervisor/admin/asio.h"
#include "supervisor/admin/control_link.h"
#include "supervisor/admin/request.h"

namespace prefork {

struct Snapshot {
  AdminClock::time_point at;  ///< of the answer
  Json status;
  SharedText text;  ///< the same, as JSON
};
/// Null: the supervisor does not answer.
using SharedSnapshot = std::shared_ptr<const Snapshot>;

class Snapshots {
 public:
  static constexpr std::chrono::milliseconds kPatience{90};
  static constexpr std::chrono::seconds kFirstPatience{1};
  static constexpr std::chrono::seconds kStale{3};

  using OnSnapshot = std::function<void(const SharedSnapshot&)>;

  /// `workers`: the status with all workers, or without.
  Snapshots(IoContext& io, ControlLink& link, bool workers) : link_(link), timer_(io), workers_(workers) {}

  /// An answer of the last `fresh` will do; zero asks anew, or waits for the request that is under way.
  void ask(AdminClock::duration fresh, OnSnapshot on_snapshot);

 private:
  struct Waiting {
    AdminClock::time_point until;
    OnSnapshot on_snapshot;
  };

  void request();
  void answered(const Reply& reply);
  void watch_patience();
  void give_up();
  /// The last answer, unless it is too old.
  [[nodiscard]] SharedSnapshot last_known() const;

  ControlLink& link_;
  Timer timer_;
  bool workers_;
  AdminClock::time_point first_until_ = AdminClock::now() + kFirstPatience;
  bool under_way_ = false;
  bool watching_ = false;
  SharedSnapshot last_;
  std::deque<Waiting> waiting_;  ///< in the order of their deadlines
};

}  // namespace prefork
