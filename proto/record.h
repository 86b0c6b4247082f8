// The records of the native protocol, version 1, and their 32 bytes on the wire. docs/protocol.md is the
// specification. This file knows the layout; the supervisor's core knows which record is valid in which
// state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prefork {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kRecordSize = 32;
/// A datagram holds 1 to 64 blocks of 32 bytes.
inline constexpr std::size_t kMaxRecordsPerDatagram = 64;
inline constexpr std::size_t kMaxDatagramSize = kRecordSize * kMaxRecordsPerDatagram;
/// Longest text of a Note, and longest memo of a Park or a Connection, in bytes: seven blocks.
inline constexpr std::size_t kMaxNoteLength = 7 * kRecordSize;
inline constexpr std::size_t kMaxMemoLength = kMaxNoteLength;

/// The descriptor at which a worker finds its channel, and the environment variable that names it.
inline constexpr int kChannelDescriptor = 3;
inline constexpr const char* kChannelVariable = "SUPERVISOR_CHANNEL";
/// The number of slots that the pool gives a worker (`connections_per_worker`); a worker's Ready may offer
/// fewer.
inline constexpr const char* kSlotsVariable = "SUPERVISOR_SLOTS";
/// Set to "1" in the environment of a template (`start: fork`), absent otherwise.
inline constexpr const char* kTemplateVariable = "SUPERVISOR_TEMPLATE";

enum class RecordKind : std::uint16_t {
  kReady = 1,  ///< worker: value = protocol version, ticket = number of slots offered (0 from a template)
  kConnection =
      2,          ///< supervisor, + descriptor: value = listener index, time_ns = accepted, wait_us = queued
  kBusy = 3,      ///< worker: begun. The receipt, sent before the socket is touched
  kRefused = 4,   ///< worker: no descriptor arrived, or it cannot take the connection
  kIdle = 5,      ///< worker: done, and closed
  kPark = 6,      ///< worker: done, keep-alive; value = length of the memo in the blocks that follow
  kProgress = 7,  ///< worker: still working on this ticket
  kNote = 8,      ///< worker: value = length of the text in the blocks that follow
  kPing = 9,      ///< supervisor
  kPong = 10,     ///< worker
  kDrain = 11,    ///< supervisor: finish the connections in hand, then exit
  kFork = 12,     ///< supervisor to template, + descriptor: fork a worker whose channel is this descriptor
  kLoad = 13,     ///< worker: value = its load, 0 to 1000 thousandths of its capacity
  kYield = 14,    ///< supervisor: park the connections that you keep for a next request
  kLeave = 15,    ///< worker: takes no further connection, finishes those in hand, then exits
};

/// Flags of a Connection: the worker may send Park for it; it should do so right after its answer, because
/// other connections wait; the pool is stopping, so the answer should tell the client that it is the last
/// one; the supervisor keeps a copy of the socket until Idle; a PROXY header comes first; Idle or Park may
/// come without Busy. The upper eight bits are the length of the memo in the blocks that follow.
inline constexpr std::uint16_t kMayPark = 1;
inline constexpr std::uint16_t kParkAtOnce = 2;
inline constexpr std::uint16_t kLastRequest = 4;
inline constexpr std::uint16_t kCopyKept = 8;
inline constexpr std::uint16_t kProxied = 16;
inline constexpr std::uint16_t kLateReceipt = 32;
inline constexpr unsigned kMemoLengthShift = 8;

[[nodiscard]] std::string_view to_string(RecordKind kind);
/// Whether the kind is one that only the supervisor sends.
[[nodiscard]] bool from_supervisor(RecordKind kind);
/// Whether a descriptor is attached to records of this kind.
[[nodiscard]] bool carries_descriptor(RecordKind kind);

struct Record {
  RecordKind kind = RecordKind::kReady;
  std::uint16_t flags = 0;
  std::uint32_t value = 0;
  std::uint64_t ticket = 0;
  std::uint64_t time_ns = 0;  ///< CLOCK_MONOTONIC, nanoseconds
  std::uint32_t wait_us = 0;  ///< microseconds; saturates at 2^32-1 (71 minutes)

  bool operator==(const Record&) const = default;
};

/// Writes the record's 32 bytes, little-endian.
void encode(const Record& record, std::span<std::byte, kRecordSize> out);

/// The number of bytes that follow the record as its text: of a Note, or the memo of a Park or a Connection.
[[nodiscard]] std::uint32_t text_length(const Record& record);

/// A record and its text, if it has one: a worker's own bytes, neither trusted nor escaped.
struct Message {
  Record record;
  std::string_view text;
};

/// Steps through a received datagram. Borrows the bytes.
///
///   DatagramReader reader(bytes);
///   while (auto message = reader.next()) …
///   if (reader.malformed()) …    // what is wrong, for the log
class DatagramReader {
 public:
  explicit DatagramReader(std::span<const std::byte> bytes);
  /// The next message, whose text borrows the bytes, too; nothing at the end and at the first malformed
  /// record.
  [[nodiscard]] std::optional<Message> next();
  /// Why the datagram is malformed, for the log; empty while it is well-formed.
  [[nodiscard]] const std::string& malformed() const { return malformed_; }

 private:
  std::optional<Message> fail(std::string reason);
  [[nodiscard]] bool take_text(Message& message);

  std::span<const std::byte> rest_;
  std::string malformed_;
};

/// A Note ready to be sent: the record and its text, padded to whole blocks. Text beyond kMaxNoteLength is
/// cut.
[[nodiscard]] std::vector<std::byte> encode_note(std::string_view text);

}  // namespace prefork
