// How a program with the protocol accept-notify is told to end: by the signal that the pool has chosen for
// it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "worker/accept/environment.h"
#include "worker/notify/program.h"

namespace prefork::notify {

class Drain {
 public:
  Drain(const accept::Settings& settings, const Program& program) : settings_(settings), program_(program) {}

  /// The supervisor wants the program to end, or is gone; the program has so many connections.
  void begin(std::size_t connections);
  /// One has ended.
  void on_end(std::size_t connections);
  /// The time until look(), for poll(2); nothing: no signal is due.
  [[nodiscard]] std::optional<std::chrono::milliseconds> time_left() const;
  void look();
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool signalled() const { return signalled_; }

 private:
  void signal();

  const accept::Settings& settings_;
  const Program& program_;
  std::optional<std::chrono::steady_clock::time_point> due_;
  bool begun_ = false;
  bool signalled_ = false;
};

}  // namespace prefork::notify
