// The notifier: one small process beside each worker with the protocol accept-notify. It answers the calls of
// the program that have to do with listeners, and speaks the native protocol for it. It trusts the program
// with nothing but itself: it has the program's user and serves no other worker.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "proto/channel.h"
#include "worker/accept/environment.h"
#include "worker/notify/calls.h"
#include "worker/notify/drain.h"
#include "worker/notify/listeners.h"
#include "worker/notify/numbers.h"
#include "worker/notify/program.h"

namespace prefork::notify {

class Notifier {
 public:
  Notifier(const accept::Settings& settings, Channel channel, Calls calls, pid_t program,
           NumberRange numbers);

  /// Returns when the program has ended.
  void run();

 private:
  /// Processes of the program, beside its first, that have connections.
  static constexpr std::size_t kMostOtherProcesses = 512;
  struct OtherProcess {
    pid_t pid = 0;
    Fd end;
  };

  [[nodiscard]] bool wait();  ///< false: the program has ended
  [[nodiscard]] int poll();
  void look_around();

  void answer(const Call& call);
  void answer_bind(const Call& call);
  void replace_by_listener(const Call& call, std::uint32_t descriptor, Listener& listener,
                           const accept::Address& address);
  void answer_listen(const Call& call, const BoundListener* bound);
  void answer_accept(const Call& call, const BoundListener* bound);
  void answer_for_listener(const Call& call, const BoundListener& bound);
  void answer_close(const Call& call);
  void answer_close_range(const Call& call);

  [[nodiscard]] bool hand_out(const Call& call, const BoundListener& bound);
  void hand_over(const Call& call, const BoundListener& bound, Connection connection);
  void serve_waiting();
  [[nodiscard]] Connection take(Listener& listener);
  /// A connection that has come for that listener; others are kept.
  void obey(RecordKind kind);  ///< Ping or Drain
  [[nodiscard]] Connection sort_in(Datagram& datagram, Listener* listener);
  /// Reads what the supervisor says to a program that accepts nothing now.
  void hear();
  [[nodiscard]] std::optional<std::uint32_t> free_number(pid_t process);
  void watch(pid_t process);
  void bury(std::size_t other);

  void tell(RecordKind kind, std::uint64_t ticket = 0, std::uint32_t value = 0);
  [[noreturn]] void give_up() const;
  void finish(std::uint64_t ticket);
  /// Those of the program, and those that wait for it here.
  [[nodiscard]] std::size_t connections() const { return numbers_.in_use() + listeners_.kept(); }
  void end_channel();
  void leave();

  const accept::Settings& settings_;
  Channel channel_;
  Calls calls_;
  Program program_;
  Numbers numbers_;
  Listeners listeners_;
  Drain drain_;
  Datagram datagram_;
  std::vector<Call> waiting_;  ///< accept calls for which there is no connection
  std::vector<OtherProcess> others_;
  std::array<pollfd, 3 + kMostOtherProcesses>
      polled_{};  ///< calls, the program's end, the channel, others' ends
  std::map<std::uint32_t, accept::Address> elsewhere_;  ///< bound to addresses that are none of the pool's
  std::map<std::uint32_t, bool> v6_only_;
  std::size_t interrupted_ = 0;
  std::size_t accept_calls_ = 0, seen_accept_calls_ = 0;
  bool ready_ = false;
  bool channel_ended_ = false;
  bool left_ = false;
  bool told_ = false;  ///< that the program cannot be read
};

}  // namespace prefork::notify
