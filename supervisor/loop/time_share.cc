#include "supervisor/loop/time_share.h"

namespace prefork {

bool TimeShare::available(Instant now) {
  left_ = std::min(left_ + (now - counted_to_) / parts_, kMost);
  counted_to_ = now;
  return left_ > Duration::zero();
}

}  // namespace prefork
