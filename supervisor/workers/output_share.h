// The share of the event loop's time in which the output of workers is read and logged: one for all workers
// of all pools. A reader that finds no time left waits in line.
#pragma once

#include <deque>

#include "supervisor/core/ids.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/time_share.h"

namespace prefork {

class OutputShare {
 public:
  class Reader {
   public:
    /// Reads once. The reader must not be destroyed meanwhile.
    virtual void read_output() = 0;

   protected:
    ~Reader() = default;
  };

  explicit OutputShare(const Loop& loop) : loop_(loop), timer_(loop) {}

  /// True: read_output() was called. False: it is called when it is the reader's turn, and once.
  bool request(Reader& reader);
  /// The reader does not wait any more.
  void forget(const Reader& reader);
  /// Reading that cannot wait has taken this processor time.
  void spent(Duration time) { share_.spent(time); }
  /// So much of it has been done at once that even what cannot wait has to be short.
  [[nodiscard]] bool overdrawn() { return !available() && share_.left() <= -5 * TimeShare::kMost; }

 private:
  [[nodiscard]] bool available() { return share_.available(loop_.turns().began()); }
  void serve();
  void read(Reader& reader);

  const Loop& loop_;
  std::deque<Reader*> waiting_;
  TimeShare share_{5};
  TimerWatcher timer_;
};

}  // namespace prefork
