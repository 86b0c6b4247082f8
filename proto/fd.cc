#include "proto/fd.h"

#include <unistd.h>

namespace prefork {

void Fd::reset(int descriptor) {
  // On Linux the descriptor is free whatever close() returns, EINTR included: do not retry.
  if (descriptor_ >= 0) (void)::close(descriptor_);
  descriptor_ = descriptor;
}

}  // namespace prefork
