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

  /// What the datagrams of a channel are: each is one record, or some have a memo behind it.
  enum class Sizes { kRecords, kWithMemos };

  /// Measures how much memory a datagram takes, which differs between kernels.
  UnreadDatagrams();
  /// Never too many; nothing where the kernel does not tell. With memos it counts each as the largest.
  [[nodiscard]] std::optional<std::uint32_t> of(const Channel& channel, Sizes sizes = Sizes::kRecords) const;
  /// Anything that was sent on this channel has not been received; on a stream, too.
  [[nodiscard]] static bool any(const Channel& channel);

 private:
  int record_cost_ = 0;  ///< of a datagram of one record; 0: unknown
  int memo_cost_ = 0;    ///< of one with the longest memo
};

}  // namespace prefork
