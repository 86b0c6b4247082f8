// The supervisor's end of the link to the admin process: one more client of the control socket, with limited
// rights. The process is not trusted: a link that it does not read is closed, after a time or when too much
// waits. AdminProcess owns it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "supervisor/control/rights.h"
#include "supervisor/control_server/control_socket.h"
#include "supervisor/loop/callback.h"
#include "supervisor/loop/loop.h"

namespace prefork {

class AdminLink {
 public:
  /// A process that reads nothing for so many looks hangs.
  static constexpr int kPatience = 5;
  static constexpr Duration kLook = std::chrono::seconds(2);

  /// `ended`: the process has closed its end, or does not read. Never inside another call.
  AdminLink(const Loop& loop, ControlSocket& control, Callback ended, Duration look = kLook);
  ~AdminLink() { close(); }
  AdminLink(const AdminLink&) = delete;
  AdminLink& operator=(const AdminLink&) = delete;

  /// The token that opens actions; empty: none does.
  void set_token(std::string token) { rights_.token = std::move(token); }
  /// Begins on `socket`, which has no link yet.
  void open(Fd socket);
  [[nodiscard]] bool is_open() const { return connection_ != nullptr; }
  /// Sends a line with descriptors.
  void send(const std::string& line, std::vector<Fd> descriptors);
  /// From now on the process must read. Before, it is not started yet.
  void expect_reading();
  void close();
  /// Why it has ended.
  [[nodiscard]] const std::string& end() const { return end_; }

 private:
  void look();
  void on_before_sleep();

  ControlSocket& control_;
  Callback ended_;
  Duration look_;
  Rights rights_{.limited = true};
  std::unique_ptr<ControlConnection> connection_;
  std::uint64_t received_ = 0;  ///< at the last look
  int unread_looks_ = 0;        ///< in a row
  std::string end_;
  TimerWatcher look_timer_;
  BeforeSleepWatcher before_sleep_;
};

}  // namespace prefork
