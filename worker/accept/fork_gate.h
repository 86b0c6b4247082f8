// Keeps the tables and the descriptors in step over fork(): a thread that changes both is inside the gate,
// and fork() waits until no thread is. Both waits are bounded: a signal handler that forks, or a thread that
// left by longjmp(), costs that time and no deadlock. Neither allocates nor locks, so it works in a signal
// handler.
#pragma once

namespace prefork::accept {

/// For the time of a change to a descriptor and its entry.
class InsideGate {
 public:
  InsideGate();
  ~InsideGate();
  InsideGate(const InsideGate&) = delete;
  InsideGate& operator=(const InsideGate&) = delete;
};

/// Around fork(), in the parent; all signals are blocked meanwhile.
class ClosedGate {
 public:
  ClosedGate();
  ~ClosedGate();
  ClosedGate(const ClosedGate&) = delete;
  ClosedGate& operator=(const ClosedGate&) = delete;
  /// In the child, of whose threads only this one is left.
  static void reset_in_child();

 private:
  unsigned long signals_ = 0;
  bool closed_ = false;  ///< not when another thread took too long
};

}  // namespace prefork::accept
