// The native protocol (docs/protocol.md): a datagram of records each. Templates speak it, too. A connection
// is begun when the worker says Busy.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/record.h"
#include "supervisor/workers/dialect.h"

namespace prefork {

class NativeDialect final : public Dialect {
 public:
  NativeDialect(const Worker& worker, const DialectState& state)
      : Dialect(worker), has_sent_memo_(state.has_sent_memo) {}

  void begin() override {}  // it says Ready
  [[nodiscard]] SendStatus send(const action::Dispatch& dispatch, const Fd& socket) override;
  [[nodiscard]] SendStatus ping() override { return say(RecordKind::kPing); }
  void yield() override { (void)say(RecordKind::kYield); }
  [[nodiscard]] SendStatus fork(const Fd& channel) override;
  void drain() override { (void)say(RecordKind::kDrain); }
  void hear(std::span<const std::byte> bytes, bool introduces) override;
  [[nodiscard]] bool speaks_first() const override { return true; }
  [[nodiscard]] bool received_none() const override { return false; }  // the receipts tell more
  [[nodiscard]] DialectState state() const override;

 private:
  [[nodiscard]] SendStatus say(RecordKind kind) { return worker().channel.send(Record{.kind = kind}); }
  void handle(const Message& message);
  [[nodiscard]] std::optional<std::uint32_t> unread();
  /// unread(), for some of the records that say that the worker has received its connection.
  [[nodiscard]] std::optional<std::uint32_t> sometimes_unread();

  /// The same for the end of a connection, which says so when the receipt was left out.
  [[nodiscard]] std::optional<std::uint32_t> receipt_of_end();

  unsigned receipts_ = 0;      ///< records so far that say so
  bool late_receipt_ = false;  ///< the worker has left out the receipt of its last connection so far
  bool has_sent_memo_;         ///< since the worker had received all, as far as was looked
};

}  // namespace prefork
