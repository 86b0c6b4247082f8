#include "tests/support/conversation.h"

#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "proto/wire.h"
#include "tests/support/gate.h"
#include "worker/template.h"

namespace prefork::test {
namespace {

int channel_number() {
  const char* number = std::getenv(kChannelVariable);
  // NOLINTNEXTLINE(cert-err34-c): -1 is no channel either
  return number == nullptr ? kClassicDescriptor : std::atoi(number);
}

}  // namespace

Conversation::Conversation() : channel_(Fd(channel_number())) {}

bool Conversation::classic() const {
  int type = 0;
  socklen_t size = sizeof(type);
  return ::getsockopt(channel_.descriptor(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

void Conversation::say_int(int value, const Fd& attached) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  const SendStatus status = attached.valid() ? channel_.send(bytes, attached) : channel_.send(bytes);
  if (attached.valid() && status != SendStatus::kSent) leave_mark("send-fd-refused");
}

void Conversation::say(const Record& record) {
  if (record.kind == RecordKind::kReady) ready_ = true;
  if (classic()) {
    if (record.kind == RecordKind::kIdle) say_int(0);
    if (record.kind == RecordKind::kProgress) say_int(1);
    return;
  }
  (void)channel_.send(record);  // whether the supervisor listens is for the test to see
}

void Conversation::say_bytes(const std::vector<std::byte>& bytes) {
  (void)::send(channel_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void Conversation::say_with_descriptor(const Record& record, const Fd& attached) {
  if (classic()) return say_int(0, attached);
  // Where the kernel forbids it, say so: the test looks at what follows.
  if (channel_.send(record, attached) != SendStatus::kSent) leave_mark("send-fd-refused");
}

void Conversation::receive_connection() {
  for (;;) {
    if (channel_.wait_and_receive(datagram_) != ReceiveStatus::kDatagram) std::exit(0);
    if (classic()) return take_client(0);
    DatagramReader reader(datagram_.bytes());
    while (const auto message = reader.next()) {
      if (is_connection(message->record)) return;
    }
  }
}

void Conversation::peek_at_connection() {
  std::array<std::byte, kRecordSize> bytes{};
  const ssize_t size = ::recv(channel_.descriptor(), bytes.data(), bytes.size(), MSG_PEEK);
  if (size > 0 && classic()) return;
  if (size != static_cast<ssize_t>(kRecordSize)) std::exit(0);
  DatagramReader reader(bytes);
  if (const auto message = reader.next()) ticket_ = message->record.ticket;
}

void Conversation::receive_datagram() {
  if (channel_.wait_and_receive(datagram_) != ReceiveStatus::kDatagram) std::exit(0);
}

void Conversation::be_template() {
  if (std::getenv(kTemplateVariable) == nullptr) return;
  worker::TemplateEnd end = worker::run_template(std::move(channel_));
  if (!end.worker) std::exit(end.exit_code);
  channel_ = std::move(*end.worker);
}

bool Conversation::is_connection(const Record& record) {
  if (record.kind == RecordKind::kPing) say(Record{.kind = RecordKind::kPong});
  if (record.kind == RecordKind::kDrain) std::exit(0);
  if (record.kind != RecordKind::kConnection) return false;
  take_client(record.ticket);
  return true;
}

void Conversation::take_client(std::uint64_t ticket) {
  if (client_.valid()) former_clients_.push_back(std::move(client_));
  client_ = datagram_.take_descriptor();
  ticket_ = ticket;
}

void Conversation::serve() {
  be_template();
  if (!ready_) say(Record{.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 1});
  for (;;) {
    receive_connection();
    say(RecordKind::kBusy);
    leave_mark("served");
    std::array<char, 4096> buffer;
    const ssize_t size = ::recv(client_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) write(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
    shut_down();
    close();
    say(RecordKind::kIdle);
  }
}

void Conversation::read(std::size_t size) {
  std::string bytes(size, '\0');
  (void)::recv(client_.get(), bytes.data(), bytes.size(), MSG_WAITALL);
}

void Conversation::write(std::string_view text) {
  (void)::send(client_.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

void Conversation::shut_down() { (void)::shutdown(client_.get(), SHUT_WR); }

void Conversation::shut_channel_down(int how) { (void)::shutdown(channel_.descriptor(), how); }

}  // namespace prefork::test
