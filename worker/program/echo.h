// `supervisor-worker echo`: sends back the first bytes that the client sends.
#pragma once

namespace prefork::worker {

/// One exchange on a blocking socket: reads once, at most 16 KiB, and writes the same bytes back. A client
/// that closes without sending gets nothing.
void echo(int socket);

}  // namespace prefork::worker
