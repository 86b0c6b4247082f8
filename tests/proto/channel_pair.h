// A channel whose two ends are both in this test, and what arrives on one of them.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proto/channel.h"
#include "proto/record.h"

namespace prefork::test {

struct ChannelPair {
  /// `send_buffer` bounds the supervisor's end.
  explicit ChannelPair(int send_buffer = 0);

  Channel supervisor;
  Channel worker;
};

/// One receive(), decoded.
struct Received {
  explicit Received(Channel& channel);

  std::unique_ptr<Datagram> datagram;  ///< on the heap: it is 3 KiB large
  ReceiveStatus status;
  std::vector<Record> records;
  std::string text;  ///< of the last Note
};

/// Sends what Channel itself never sends: any bytes, with any number of copies of `attached`. Returns errno,
/// or 0.
[[nodiscard]] int send_raw(const Channel& channel, std::span<const std::byte> bytes,
                           std::span<const int> attached = {});

}  // namespace prefork::test
