// The descriptor at which the kernel reports the calls of a program (seccomp_unotify(2)): a reported call
// waits until it is answered, or until a signal ends its wait.
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "proto/fd.h"

namespace prefork::notify {

using Call = seccomp_notif;

class Calls {
 public:
  explicit Calls(Fd reports);

  [[nodiscard]] int descriptor() const { return reports_.get(); }
  /// Waits for a call. Nothing: it has ended before it was received.
  [[nodiscard]] std::optional<Call> receive();
  /// False: the call does not wait any more.
  [[nodiscard]] bool waits(const Call& call) const;
  /// The kernel carries the call out. False: the call does not wait any more.
  bool let_pass(const Call& call) const;
  bool succeed(const Call& call) const;
  void fail(const Call& call, int error) const;
  /// Puts a copy of `source` at the number, in the place of what is there; the call still waits. False: see
  /// errno.
  bool place(const Call& call, int source, std::uint32_t number, bool close_on_exec) const;
  /// The same, and the call returns that number: both or none.
  bool return_descriptor(const Call& call, int source, std::uint32_t number, bool close_on_exec) const;

 private:
  [[nodiscard]] bool answer(const seccomp_notif_resp& response) const;
  [[nodiscard]] bool add(const Call& call, int source, std::uint32_t number, bool close_on_exec,
                         std::uint32_t flags) const;

  Fd reports_;
};

}  // namespace prefork::notify
