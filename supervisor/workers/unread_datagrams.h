// How many of the datagrams that were sent to a worker it has not received. A channel keeps their order, so
// this tells which connections a worker cannot have begun. The kernel knows it (SIOCOUTQ), as memory in use.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/channel.h"

namespace prefork {

class UnreadDatagrams {
 public:
  /// One of so many receipts of a worker is checked: looking costs a system call of up to a microsecond.
  static constexpr unsigned kCheckEach = 8;

  /// Measures how much memory a datagram takes, which differs between kernels.
  UnreadDatagrams();
  /// Never too many; nothing where the kernel does not tell.
  [[nodiscard]] std::optional<std::uint32_t> of(const Channel& channel) const;
  /// Anything that was sent on this channel has not been received; on a stream, too.
  [[nodiscard]] static bool any(const Channel& channel);

 private:
  int cost_ = 0;  ///< of a datagram of one record; 0: unknown
};

}  // namespace prefork
