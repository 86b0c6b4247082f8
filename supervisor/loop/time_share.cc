#include "supervisor/loop/time_share.h"

namespace prefork {

bool TimeShare::available(Instant turn) {
  left_ = std::min(left_ + (turn - counted_to_) / parts_, kMost);
  counted_to_ = turn;
  return left_ > Duration::zero();
}

}  // namespace prefork
