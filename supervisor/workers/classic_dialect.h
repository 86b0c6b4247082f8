// The classic protocol (docs/classic.md): a byte with a descriptor for each connection, and an int for each
// that is done. One connection at a time. A worker is ready as soon as it is a process. A connection counts
// as begun when it is sent: there is no receipt. What a dead worker has not begun, the kernel knows: the byte
// is unread, or TCP has counted nothing (action::Inspect).
#pragma once

#include <cstdint>
#include <optional>

#include "supervisor/state/worker_state.h"
#include "supervisor/workers/dialect.h"

namespace prefork {

class ClassicDialect final : public Dialect {
 public:
  ClassicDialect(const Worker& worker, const DialectState& state);

  void begin() override;
  [[nodiscard]] SendStatus send(const action::Dispatch& dispatch, const Fd& socket) override;
  [[nodiscard]] SendStatus ping() override;
  void yield() override {}
  [[nodiscard]] SendStatus fork(const Fd& /*channel*/) override { return SendStatus::kInvalid; }
  void drain() override { worker().channel.end_sending(); }
  void hear(std::span<const std::byte> bytes, bool introduces) override;
  [[nodiscard]] bool speaks_first() const override { return false; }
  [[nodiscard]] bool received_none() const override;
  [[nodiscard]] DialectState state() const override;

 private:
  /// From here on what it sends means nothing: ints do not say which connection they are for.
  void break_off(const std::string& what);
  /// True: it says that its connection is done.
  bool take(std::int32_t value);

  std::optional<std::int32_t> idle_value_;
  Ticket ticket_;             ///< of the connection that it has
  std::uint32_t size_ = 0;    ///< how many bytes of an int have come
  std::int32_t int_ = 0;      ///< these bytes
  unsigned done_ = 0;         ///< connections so far
  bool left_unread_ = false;  ///< before an upgrade in place
  bool broken_ = false;
};

}  // namespace prefork
