// The worker's side of the native protocol (docs/protocol.md): what the library says, and the datagram that
// it reads.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace prefork::accept {

/// The numbers of the records that the library sends or understands.
enum class Record : std::uint16_t {
  kReady = 1,
  kConnection = 2,
  kBusy = 3,
  kRefused = 4,
  kIdle = 5,
  kNote = 8,
  kPing = 9,
  kPong = 10,
  kDrain = 11,
  kLeave = 15,
};

struct WireRecord {
  std::uint16_t kind = 0;
  std::uint16_t flags = 0;
  std::uint32_t value = 0;
  std::uint64_t ticket = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t wait_us = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(WireRecord) == 32);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");

/// Sends a record, however long the supervisor takes. False: the channel is closed.
bool tell(Record kind, std::uint64_t ticket = 0, std::uint32_t value = 0);
/// Sends `before` and the address as a text for people.
void tell_note(const char* text, std::size_t length);

/// One datagram of the supervisor with its descriptors.
class Datagram {
 public:
  static constexpr std::size_t kMaxRecords = 64;

  /// recvmsg() with these flags: the kernel's result. `cancellable`: the call may wait, and is the C
  /// library's.
  long receive(int fd, int flags, bool cancellable);
  /// In blocks: some are not records, but the memo of the record before them.
  [[nodiscard]] std::size_t records() const { return size_ / sizeof(WireRecord); }
  [[nodiscard]] const WireRecord& record(std::size_t i) const { return records_[i]; }
  /// The number of blocks that the record and the memo behind it take.
  [[nodiscard]] static std::size_t blocks(const WireRecord& record);
  /// The next descriptor that has come, -1: none (left).
  int next_descriptor();

 private:
  WireRecord records_[kMaxRecords];
  alignas(cmsghdr) char control_[CMSG_SPACE(kMaxRecords * sizeof(int))];
  std::size_t size_ = 0;
  std::size_t descriptors_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace prefork::accept
