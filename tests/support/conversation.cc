#include "tests/support/conversation.h"

#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "tests/support/gate.h"
#include "worker/template.h"

namespace prefork::test {
namespace {

int channel_number() {
  const char* number = std::getenv(kChannelVariable);
  return number == nullptr ? -1 : std::atoi(number);  // NOLINT(cert-err34-c): 0 and -1 are no channel either
}

}  // namespace

Conversation::Conversation() : channel_(Fd(channel_number())) {}

void Conversation::say(const Record& record) {
  if (record.kind == RecordKind::kReady) ready_ = true;
  (void)channel_.send(record);  // whether the supervisor listens is for the test to see
}

void Conversation::say_bytes(const std::vector<std::byte>& bytes) {
  (void)::send(channel_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void Conversation::say_with_descriptor(const Record& record, const Fd& attached) {
  // Where the kernel forbids it, say so: the test looks at what follows.
  if (channel_.send(record, attached) != SendStatus::kSent) leave_mark("send-fd-refused");
}

void Conversation::receive_connection() {
  for (;;) {
    if (channel_.wait_and_receive(datagram_) != ReceiveStatus::kDatagram) std::exit(0);
    DatagramReader reader(datagram_.bytes());
    while (const auto message = reader.next()) {
      if (is_connection(message->record)) return;
    }
  }
}

void Conversation::peek_at_connection() {
  std::array<std::byte, kRecordSize> bytes{};
  if (::recv(channel_.descriptor(), bytes.data(), bytes.size(), MSG_PEEK) !=
      static_cast<ssize_t>(kRecordSize))
    std::exit(0);
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
  if (client_.valid()) former_clients_.push_back(std::move(client_));
  client_ = datagram_.take_descriptor();
  ticket_ = record.ticket;
  return true;
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
