// `supervisor-worker echo`: sends back the first bytes that the client sends.
#pragma once

namespace prefork::worker {

/// One exchange: reads once, at most 16 KiB, writes the same bytes back. A client that closes without a word
/// gets none.
void echo(int socket);

}  // namespace prefork::worker
