// What the program has decided for a signal, from the kernel: the C library's sigaction() could be another
// library's.
#pragma once

#include <signal.h>

#include "worker/accept/raw.h"

namespace prefork::accept {

class Disposition {
 public:
  explicit Disposition(int signal) {
    (void)raw::call(SYS_rt_sigaction, signal, nullptr, &action_, sizeof(action_.mask));
  }
  /// Whether a function of the program is called.
  [[nodiscard]] bool handled() const { return action_.handler != SIG_DFL && action_.handler != SIG_IGN; }
  /// Whether a call that waits goes on after it.
  [[nodiscard]] bool restarts() const { return (action_.flags & SA_RESTART) != 0; }

 private:
  struct {  // as the kernel has it
    void (*handler)(int) = SIG_DFL;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    unsigned long mask = 0;
  } action_;
};

}  // namespace prefork::accept
