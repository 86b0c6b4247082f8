// Connections that a program keeps for a further request, while its worker drains.
#pragma once

namespace prefork::accept {

/// Ends the reading direction of each connection of this process on which nothing is in progress: nothing
/// unread or unacknowledged, and the program has spoken last, a while ago. The program finds the end of the
/// connection, as if the client had gone. A request that arrives at that moment is still read.
void end_quiet_connections();

}  // namespace prefork::accept
