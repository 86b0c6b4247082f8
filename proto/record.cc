#include "proto/record.h"

#include <utility>

#include "proto/text_record.h"

namespace prefork {
namespace {

// Byte by byte, so that the layout does not depend on the machine's byte order; compilers make one move of
// it.
template <typename T>
void put(std::span<std::byte, kRecordSize> out, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[offset + i] = static_cast<std::byte>((value >> (8 * i)) & 0xff);
  }
}

template <typename T>
T get(std::span<const std::byte, kRecordSize> in, std::size_t offset) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(in[offset + i]) << (8 * i)));
  }
  return value;
}

constexpr std::size_t kKindAt = 0;
constexpr std::size_t kFlagsAt = 2;
constexpr std::size_t kValueAt = 4;
constexpr std::size_t kTicketAt = 8;
constexpr std::size_t kTimeAt = 16;
constexpr std::size_t kWaitAt = 24;
constexpr std::size_t kZeroAt = 28;

bool known(std::uint16_t kind) {
  return kind >= static_cast<std::uint16_t>(RecordKind::kReady) &&
         kind <= static_cast<std::uint16_t>(RecordKind::kLeave);
}

}  // namespace

std::string_view to_string(RecordKind kind) {
  switch (kind) {
    case RecordKind::kReady: return "Ready";
    case RecordKind::kConnection: return "Connection";
    case RecordKind::kBusy: return "Busy";
    case RecordKind::kRefused: return "Refused";
    case RecordKind::kIdle: return "Idle";
    case RecordKind::kPark: return "Park";
    case RecordKind::kProgress: return "Progress";
    case RecordKind::kNote: return "Note";
    case RecordKind::kPing: return "Ping";
    case RecordKind::kPong: return "Pong";
    case RecordKind::kDrain: return "Drain";
    case RecordKind::kFork: return "Fork";
    case RecordKind::kLoad: return "Load";
    case RecordKind::kYield: return "Yield";
    case RecordKind::kLeave: return "Leave";
  }
  return "unknown";
}

bool carries_descriptor(RecordKind kind) {
  return kind == RecordKind::kConnection || kind == RecordKind::kFork;
}

bool from_supervisor(RecordKind kind) {
  return carries_descriptor(kind) || kind == RecordKind::kPing || kind == RecordKind::kDrain ||
         kind == RecordKind::kYield;
}

void encode(const Record& record, std::span<std::byte, kRecordSize> out) {
  put(out, kKindAt, static_cast<std::uint16_t>(record.kind));
  put(out, kFlagsAt, record.flags);
  put(out, kValueAt, record.value);
  put(out, kTicketAt, record.ticket);
  put(out, kTimeAt, record.time_ns);
  put(out, kWaitAt, record.wait_us);
  put(out, kZeroAt, std::uint32_t{0});
}

std::uint32_t text_length(const Record& record) {
  switch (record.kind) {
    case RecordKind::kNote:
    case RecordKind::kPark: return record.value;
    case RecordKind::kConnection: return static_cast<std::uint32_t>(record.flags >> kMemoLengthShift);
    case RecordKind::kReady:
    case RecordKind::kBusy:
    case RecordKind::kRefused:
    case RecordKind::kIdle:
    case RecordKind::kProgress:
    case RecordKind::kPing:
    case RecordKind::kPong:
    case RecordKind::kDrain:
    case RecordKind::kFork:
    case RecordKind::kLoad:
    case RecordKind::kYield:
    case RecordKind::kLeave: break;
  }
  return 0;
}

DatagramReader::DatagramReader(std::span<const std::byte> bytes) : rest_(bytes) {
  if (bytes.empty() || bytes.size() % kRecordSize != 0 || bytes.size() > kMaxDatagramSize) {
    (void)fail("a datagram of " + std::to_string(bytes.size()) + " bytes; allowed are 1 to 64 blocks of 32");
  }
}

std::optional<Message> DatagramReader::fail(std::string reason) {
  malformed_ = std::move(reason);
  rest_ = {};
  return std::nullopt;
}

bool DatagramReader::take_text(Message& message) {
  const std::uint32_t length = text_length(message.record);
  const std::size_t padded = whole_blocks(length);
  const bool empty_note = message.record.kind == RecordKind::kNote && length == 0;
  if (empty_note || length > kMaxNoteLength || padded > rest_.size()) return false;
  message.text = std::string_view(reinterpret_cast<const char*>(rest_.data()), length);
  rest_ = rest_.subspan(padded);
  return true;
}

std::optional<Message> DatagramReader::next() {
  if (rest_.empty()) return std::nullopt;
  const auto block = rest_.first<kRecordSize>();
  const auto kind = get<std::uint16_t>(block, kKindAt);
  if (!known(kind)) return fail("a record of unknown kind " + std::to_string(kind));
  if (get<std::uint32_t>(block, kZeroAt) != 0) return fail("a record whose last four bytes are not zero");

  Message message;
  message.record.kind = static_cast<RecordKind>(kind);
  message.record.flags = get<std::uint16_t>(block, kFlagsAt);
  message.record.value = get<std::uint32_t>(block, kValueAt);
  message.record.ticket = get<std::uint64_t>(block, kTicketAt);
  message.record.time_ns = get<std::uint64_t>(block, kTimeAt);
  message.record.wait_us = get<std::uint32_t>(block, kWaitAt);
  rest_ = rest_.subspan(kRecordSize);

  if (!take_text(message)) {
    const bool note = message.record.kind == RecordKind::kNote;
    return fail("a " + std::string(to_string(message.record.kind)) + (note ? "" : " with a memo") +
                " of length " + std::to_string(text_length(message.record)) + "; allowed are " +
                (note ? "1" : "0") + " to 224, in blocks that follow in the same datagram");
  }
  return message;
}

std::vector<std::byte> encode_note(std::string_view text) {
  const TextRecord note(Record{.kind = RecordKind::kNote}, text);
  return {note.bytes().begin(), note.bytes().end()};
}

}  // namespace prefork
