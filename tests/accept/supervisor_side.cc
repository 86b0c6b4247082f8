#include "tests/accept/supervisor_side.h"

#include "proto/text_record.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

std::string in_directory(std::string address, const TestDirectory& directory) {
  constexpr std::string_view kMark = "TEST_DIRECTORY";
  const std::size_t at = address.find(kMark);
  return at == std::string::npos ? address : address.replace(at, kMark.size(), directory.path());
}

bool is_readable(const Channel& channel, std::chrono::milliseconds patience) {
  pollfd state{.fd = channel.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, static_cast<int>(patience.count())) == 1;
}

}  // namespace

SupervisorSide::SupervisorSide(const std::vector<std::string>& addresses, bool keeps_copies)
    : keeps_copies_(keeps_copies) {
  for (const std::string& address : addresses)
    pools_.push_back(std::make_unique<PoolSocket>(in_directory(address, directory_)));
  auto ends = Channel::make_pair();
  REQUIRE(ends.ok());
  channel_ = std::move(ends.value().first);
  program_end_ = ends.value().second.release();
}

std::string SupervisorSide::addresses() const {
  std::string text;
  for (std::size_t i = 0; i < pools_.size(); ++i)
    text += (i == 0 ? "" : ",") + std::to_string(i) + '=' + pools_[i]->address();
  return text;
}

std::uint64_t SupervisorSide::dispatch(std::size_t index, const std::string& to, int flags) {
  const std::uint64_t ticket = clients_.size() + 1;
  clients_[ticket] = std::make_unique<Client>(to.empty() ? pool(index).address() : to);
  Fd socket = pool(index).accept();
  REQUIRE(::fcntl(socket.get(), F_SETFL, O_RDWR | flags) == 0);
  ledger_[ticket] = RecordKind::kConnection;
  const Record record{
      .kind = RecordKind::kConnection, .value = static_cast<std::uint32_t>(index), .ticket = ticket};
  REQUIRE(channel_.send(TextRecord(record, memo_).bytes(), socket) == SendStatus::kSent);
  if (keeps_copies_) copies_[ticket] = std::move(socket);
  return ticket;
}

void SupervisorSide::say(RecordKind kind) { REQUIRE(channel_.send({.kind = kind}) == SendStatus::kSent); }

void SupervisorSide::read_channel() {
  const auto datagram = std::make_unique<Datagram>();
  const ReceiveStatus status = channel_.receive(*datagram);
  if (status == ReceiveStatus::kEnd) {
    arrived_.push_back({.record = {}, .text = "", .end = true});
    channel_.close();
    return;
  }
  REQUIRE(status == ReceiveStatus::kDatagram);
  CHECK(datagram->descriptors() == 0);
  DatagramReader reader(datagram->bytes());
  while (const std::optional<Message> message = reader.next()) {
    enter(message->record);
    arrived_.push_back({.record = message->record, .text = std::string(message->text)});
  }
  REQUIRE(reader.malformed() == "");
}

void SupervisorSide::enter(const Record& record) {
  const auto found = ledger_.find(record.ticket);
  if (record.kind == RecordKind::kBusy || record.kind == RecordKind::kRefused) {
    REQUIRE_MESSAGE(found != ledger_.end(), to_string(record.kind), " for an unknown connection ",
                    record.ticket);
    CHECK_MESSAGE(found->second == RecordKind::kConnection, to_string(record.kind), " after ",
                  to_string(found->second));
    found->second = record.kind;
  }
  if (record.kind == RecordKind::kIdle) {
    REQUIRE_MESSAGE(found != ledger_.end(), "Idle for an unknown connection ", record.ticket);
    CHECK_MESSAGE(found->second == RecordKind::kBusy, "Idle after ", to_string(found->second));
    found->second = record.kind;
    copies_.erase(record.ticket);
  }
}

Arrival SupervisorSide::next() {
  if (arrived_.empty() && !channel_.open()) return {.record = {}, .text = "", .end = true};
  while (arrived_.empty()) {
    const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
    REQUIRE_MESSAGE(is_readable(channel_, patience), "no record comes");
    read_channel();
  }
  Arrival arrival = std::move(arrived_.front());
  arrived_.pop_front();
  return arrival;
}

void SupervisorSide::expect(RecordKind kind, std::uint64_t ticket) {
  const Arrival arrival = next();
  REQUIRE_MESSAGE(!arrival.end, "the channel has ended; expected: ", to_string(kind));
  CHECK_MESSAGE(arrival.record.kind == kind, to_string(arrival.record.kind), " in place of ",
                to_string(kind));
  CHECK(arrival.record.ticket == ticket);
}

void SupervisorSide::expect_now(RecordKind kind, std::uint64_t ticket) {
  REQUIRE_MESSAGE(!quiet(), "there is no ", to_string(kind));
  expect(kind, ticket);
}

bool SupervisorSide::quiet() {
  return arrived_.empty() && (!channel_.open() || !is_readable(channel_, std::chrono::milliseconds(0)));
}

void SupervisorSide::check_ledger() {
  if (!check_ledger_) return;
  while (channel_.open() && is_readable(channel_, std::chrono::milliseconds(0))) read_channel();
  for (const auto& entry : ledger_) {
    const RecordKind last = entry.second;
    const bool answered = last == RecordKind::kIdle || last == RecordKind::kRefused;
    CHECK_MESSAGE(answered, "the last record of connection ", entry.first, " is ", to_string(last));
  }
}

}  // namespace prefork::test
