// The native dialect's bytes: what it says of a connection, and what it hears.
#include "supervisor/workers/native_dialect.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "proto/text_record.h"
#include "tests/proto/channel_pair.h"

namespace prefork {
namespace {

using test::ChannelPair;
using test::Received;

/// The supervisor's side of a channel, and the worker's side in the hands of the test.
class Native final : private Dialect::Listener {
 public:
  explicit Native(const DialectState& state = {}) { restart(state); }

  /// What an upgrade in place does with it.
  void restart(const DialectState& state) {
    dialect_ =
        std::make_unique<NativeDialect>(Dialect::Worker{WorkerId::make(1, 0), ends_.supervisor, unread_,
                                                        static_cast<Dialect::Listener&>(*this)},
                                        state);
  }
  void send(std::string_view memo = {}) {
    action::Dispatch dispatch;
    dispatch.ticket = Ticket{7};
    dispatch.memo = memo;
    send(dispatch);
  }
  void send(const action::Dispatch& dispatch) {
    REQUIRE(dialect_->send(dispatch, socket_) == SendStatus::kSent);
  }
  [[nodiscard]] Received receive() { return Received(ends_.worker); }
  void hear(std::span<const std::byte> bytes) { dialect_->hear(bytes, false); }
  template <typename T>
  [[nodiscard]] const T& heard() const {
    REQUIRE(!told_.empty());
    return std::get<T>(told_.back());
  }
  void hear(const Record& record) { hear(TextRecord(record, "").bytes()); }
  [[nodiscard]] NativeDialect& dialect() { return *dialect_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  void tell(const Event& event) override { told_.push_back(event); }
  void violated(const std::string& what) override { violations_.push_back(what); }
  void noted(std::string /*note*/) override {}

  ChannelPair ends_{/*send_buffer=*/100'000};
  ChannelPair others_;
  Fd socket_ = others_.worker.release();
  UnreadDatagrams unread_;
  std::vector<Event> told_;
  std::vector<std::string> violations_;
  std::unique_ptr<NativeDialect> dialect_;
};

constexpr std::string_view kMemo{"a\0\xff", 3};

TEST_SUITE_BEGIN("native dialect");

TEST_CASE("a connection goes with its flags and its memo, and without a memo in one block") {
  Native native;
  action::Dispatch dispatch;
  dispatch.copy_kept = dispatch.proxied = true;
  native.send(dispatch);
  const Received plain = native.receive();
  CHECK(plain.datagram->bytes().size() == kRecordSize);
  CHECK(plain.datagram->descriptors() == 1);
  CHECK(plain.records[0].flags == (kCopyKept | kProxied));
  dispatch.memo = kMemo;
  native.send(dispatch);
  const Received with_memo = native.receive();
  CHECK(with_memo.datagram->descriptors() == 1);
  CHECK(with_memo.records[0].flags == (kCopyKept | kProxied | 3 << 8));
  CHECK(with_memo.text == kMemo);
}

TEST_CASE("a Park is heard with its memo, and without one") {
  Native native;
  native.hear(TextRecord(Record{.kind = RecordKind::kPark, .ticket = 7}, kMemo).bytes());
  CHECK(native.heard<event::WorkerParked>().ticket == Ticket{7});
  CHECK(native.heard<event::WorkerParked>().memo == kMemo);
  native.hear(Record{.kind = RecordKind::kPark, .ticket = 7});
  CHECK(native.heard<event::WorkerParked>().memo.empty());
  CHECK(native.violations().empty());
}

TEST_CASE(
    "FAULTS 310: a Park that claims more bytes of memo than it brings is a violation, and parks nothing") {
  Native native;
  std::vector<std::byte> bytes(kRecordSize);
  encode(Record{.kind = RecordKind::kPark, .value = 1, .ticket = 7}, std::span(bytes).first<kRecordSize>());
  native.hear(bytes);
  REQUIRE(native.violations().size() == 1);
  CHECK(native.violations()[0].find("a Park with a memo of length 1") == 0);
}

TEST_CASE(
    "FAULTS 313: a worker that has received all but a connection with a memo is not behind by more than "
    "that") {
  const std::string longest(kMaxMemo, 'x');
  Native native;
  for (int i = 0; i < 3; ++i) native.send(longest);
  SUBCASE("in the same program") {}
  SUBCASE("after an upgrade in place") { native.restart(native.dialect().state()); }
  (void)native.receive();
  (void)native.receive();
  native.hear(Record{.kind = RecordKind::kBusy, .ticket = 7});
  CHECK(native.heard<event::WorkerBusy>().unread == 1);
  (void)native.receive();
  // Now that all is received, records alone are counted exactly.
  native.hear(Record{.kind = RecordKind::kRefused, .ticket = 7});
  CHECK(native.heard<event::WorkerRefused>().unread == 0);
  for (int i = 0; i < 5; ++i) native.send();
  native.hear(Record{.kind = RecordKind::kRefused, .ticket = 7});
  CHECK(native.heard<event::WorkerRefused>().unread == 5);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
