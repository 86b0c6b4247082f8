// The last thing before a listening socket is emptied and closed: to close it while others connect would
// reset whoever does so between the last accept and the close.
#pragma once

#include "proto/result.h"

namespace prefork {

/// From now on nobody new connects, and who has connected can still be accepted. For good, and for all who
/// share the socket. A unix client is refused; a TCP client tries again after a second, and finds the port
/// closed or somebody else's.
Result<void> quiesce(int listening);

}  // namespace prefork
