#include "tests/worker/hosted_worker.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>

#include "proto/text_record.h"

namespace prefork::test {
namespace {

sockaddr* generic(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

Fd make_socket() {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(socket.valid());
  return socket;
}

}  // namespace

void Client::send(const std::string& text) {
  REQUIRE(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

void Client::shut_down() const { REQUIRE(::shutdown(socket_.get(), SHUT_WR) == 0); }

bool Client::silent() const {
  pollfd state{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, 0) == 0;
}

std::pair<Client, Fd> make_connection() {
  const Fd listener = make_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  REQUIRE(::bind(listener.get(), generic(address), size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), generic(address), &size) == 0);
  Fd client = make_socket();
  REQUIRE(::connect(client.get(), generic(address), size) == 0);
  Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(accepted.valid());
  return {Client(std::move(client)), std::move(accepted)};
}

std::optional<Client> connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  REQUIRE(colon != std::string::npos);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  REQUIRE(::inet_pton(AF_INET, address.substr(0, colon).c_str(), &where.sin_addr) == 1);
  Fd socket = make_socket();
  if (::connect(socket.get(), generic(where), sizeof(where)) < 0) return std::nullopt;
  return Client(std::move(socket));
}

Arrived::Arrived(Channel& channel) {
  await_readable(channel.descriptor());
  const auto datagram = std::make_unique<Datagram>();
  status = channel.receive(*datagram);
  sender = datagram->sender();
  if (status != ReceiveStatus::kDatagram) return;
  DatagramReader reader(datagram->bytes());
  while (const std::optional<Message> message = reader.next()) {
    records.push_back(message->record);
    text = message->text;
  }
  REQUIRE(reader.malformed() == "");
}

Record await_record(Channel& channel) {
  const Arrived arrived(channel);
  REQUIRE(arrived.status == ReceiveStatus::kDatagram);
  REQUIRE(arrived.records.size() == 1);
  return arrived.records.front();
}

bool await_end(Channel& channel) { return Arrived(channel).status == ReceiveStatus::kEnd; }

Client Host::dispatch(std::uint64_t ticket, std::uint16_t flags, const std::string& memo) {
  auto [client, copy] = make_connection();
  copies_.push_back(std::move(copy));
  dispatch_again(ticket, flags, memo);
  return std::move(client);
}

void Host::dispatch_again(std::uint64_t ticket, std::uint16_t flags, const std::string& memo) {
  const TextRecord record(Record{.kind = RecordKind::kConnection, .flags = flags, .ticket = ticket}, memo);
  REQUIRE(channel_.send(record.bytes(), copies_.back()) == SendStatus::kSent);
}

void Host::say(RecordKind kind) { REQUIRE(channel_.send({.kind = kind}) == SendStatus::kSent); }

HostedWorker::HostedWorker(const std::vector<std::string>& command, std::vector<std::string> environment)
    : Host(Channel()) {
  auto ends = Channel::make_pair();
  REQUIRE(ends.ok());
  channel() = std::move(ends.value().first);
  environment.emplace_back("SUPERVISOR_CHANNEL=3");
  process_.emplace(command, Process::Options{.environment = std::move(environment),
                                             .channel = ends.value().second.descriptor()});
}

std::string supervisor_worker() { return SUPERVISOR_WORKER; }

}  // namespace prefork::test
