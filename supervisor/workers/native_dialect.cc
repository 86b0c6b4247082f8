#include "supervisor/workers/native_dialect.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "proto/text_record.h"
#include "supervisor/loop/escape.h"

namespace prefork {
namespace {

static_assert(kMaxMemo == kMaxMemoLength);

std::optional<std::uint32_t> foreign_version(std::uint32_t version) {
  return version == kProtocolVersion ? std::nullopt : std::optional(version);
}

Record connection_record(const action::Dispatch& action) {
  const auto wait_us = std::chrono::duration_cast<std::chrono::microseconds>(action.waited).count();
  Record record;
  record.kind = RecordKind::kConnection;
  record.flags = connection_flags(action);
  record.value = action.listener;
  record.ticket = action.ticket.value;
  record.time_ns = static_cast<std::uint64_t>(action.accepted_at.time_since_epoch().count());
  record.wait_us = static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait_us, 0, UINT32_MAX));
  return record;
}

}  // namespace

SendStatus NativeDialect::send(const action::Dispatch& dispatch, const Fd& socket) {
  const Record record = connection_record(dispatch);
  late_receipt_ = dispatch.late_receipt;
  if (dispatch.memo.empty()) return worker().channel.send(record, socket);
  has_sent_memo_ = true;
  return worker().channel.send(TextRecord(record, dispatch.memo).bytes(), socket);
}

std::optional<std::uint32_t> NativeDialect::unread() {
  if (has_sent_memo_ && !UnreadDatagrams::any(worker().channel)) has_sent_memo_ = false;
  using Sizes = UnreadDatagrams::Sizes;
  return worker().unread.of(worker().channel, has_sent_memo_ ? Sizes::kWithMemos : Sizes::kRecords);
}

std::optional<std::uint32_t> NativeDialect::sometimes_unread() {
  return receipts_++ % UnreadDatagrams::kCheckEach == 0 ? unread() : std::nullopt;
}

std::optional<std::uint32_t> NativeDialect::receipt_of_end() {
  return std::exchange(late_receipt_, false) ? sometimes_unread() : std::nullopt;
}

DialectState NativeDialect::state() const {
  DialectState state;
  state.has_sent_memo = has_sent_memo_;
  return state;
}

SendStatus NativeDialect::fork(const Fd& channel) {
  return worker().channel.send(Record{.kind = RecordKind::kFork}, channel);
}

void NativeDialect::hear(std::span<const std::byte> bytes, bool introduces) {
  DatagramReader reader(bytes);
  while (const auto message = reader.next()) {
    // A Note that comes first only carries the sender's credentials.
    if (!std::exchange(introduces, false) || message->record.kind != RecordKind::kNote) handle(*message);
  }
  if (!reader.malformed().empty()) worker().listener.violated(reader.malformed());
}

void NativeDialect::handle(const Message& message) {
  const Record& record = message.record;
  const Ticket ticket{record.ticket};
  const WorkerId id = worker().id;
  switch (record.kind) {
    case RecordKind::kReady:
      return tell(event::WorkerReady{id, record.ticket, foreign_version(record.value)});
    case RecordKind::kBusy:
      late_receipt_ = false;
      return tell(event::WorkerBusy{id, ticket, sometimes_unread()});
    case RecordKind::kIdle: return tell(event::WorkerIdle{id, ticket, receipt_of_end()});
    case RecordKind::kRefused: return tell(event::WorkerRefused{id, ticket, unread()});
    case RecordKind::kProgress: return tell(event::WorkerProgress{id, ticket});
    case RecordKind::kNote: return worker().listener.noted(escape_to_ascii(message.text, kMaxNoteLength));
    case RecordKind::kPong: return tell(event::WorkerPong{id});
    case RecordKind::kPark:
      return tell(event::WorkerParked{id, ticket, std::string(message.text), receipt_of_end()});
    case RecordKind::kLoad: return tell(event::WorkerLoad{id, record.value});
    case RecordKind::kLeave: return tell(event::WorkerLeaves{id});
    case RecordKind::kConnection:
    case RecordKind::kYield:
    case RecordKind::kPing:
    case RecordKind::kDrain:
    case RecordKind::kFork:
      return worker().listener.violated("a record " + std::string(to_string(record.kind)) +
                                        ", which only the supervisor may send");
  }
}

}  // namespace prefork
