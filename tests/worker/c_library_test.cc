// The C library, as a program sees it: a worker in this process, and the supervisor's side of its channel.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include "tests/worker/channel_environment.h"
#include "tests/worker/hosted_worker.h"
#include "tests/worker/proxy_bytes.h"
#include "worker/c/prefork_proxy_header.h"
#include "worker/c/prefork_worker.h"

namespace prefork::test {
namespace {

/// A worker of the C library with `slots` slots, after its Ready.
class CWorker {
 public:
  explicit CWorker(unsigned slots) : CWorker(slots, Channel::make_pair()) {}
  CWorker(const CWorker&) = delete;
  CWorker& operator=(const CWorker&) = delete;
  ~CWorker() { prefork_worker_close(worker_); }

  [[nodiscard]] Host& host() { return host_; }
  [[nodiscard]] prefork_worker* get() { return worker_; }
  /// The next connection, whose record is on its way.
  [[nodiscard]] prefork_connection* next() {
    pollfd readable{.fd = prefork_worker_descriptor(worker_), .events = POLLIN, .revents = 0};
    CHECK(::poll(&readable, 1, 5000) == 1);
    return prefork_worker_next(worker_);
  }

 private:
  CWorker(unsigned slots, Result<std::pair<Channel, Channel>> ends) : host_(std::move(ends.value().first)) {
    const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()),
                                         std::to_string(slots).c_str());
    int status = -1;
    worker_ = prefork_worker_open(slots, nullptr, &status);
    REQUIRE(worker_ != nullptr);
    CHECK(status == 0);
    CHECK(host_.await() == Record{.kind = RecordKind::kReady, .value = 1, .ticket = slots});
  }

  Host host_;
  prefork_worker* worker_ = nullptr;
};

std::string echo_once(const prefork_connection* connection, Client& client) {
  client.send("hello");
  std::string bytes(16, '\0');
  const ssize_t size = ::recv(prefork_connection_socket(connection), bytes.data(), bytes.size(), 0);
  REQUIRE(size > 0);
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

TEST_CASE("a program in C gets connections in its own event loop, and finishes them in any order") {
  CWorker worker(2);
  CHECK(prefork_worker_next(worker.get()) == nullptr);
  CHECK(errno == EAGAIN);

  Client first = worker.host().dispatch(7);
  prefork_connection* const one = worker.next();
  REQUIRE(one != nullptr);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kBusy, .ticket = 7});
  CHECK(prefork_connection_ticket(one) == 7);
  CHECK(prefork_connection_listener(one) == 0);
  CHECK(prefork_connection_may_park(one) == 0);
  CHECK(prefork_connection_park_wanted(one) == 0);
  CHECK(echo_once(one, first) == "hello");

  Client second = worker.host().dispatch(8);
  prefork_connection* const two = worker.next();
  REQUIRE(two != nullptr);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kBusy, .ticket = 8});
  prefork_connection_finish(one);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kIdle, .ticket = 7});
  CHECK(first.receive_to_end().empty());
  CHECK(second.silent());
  prefork_connection_finish(two);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kIdle, .ticket = 8});
  CHECK(prefork_worker_finished(worker.get()) == 0);
}

TEST_CASE("the records of a program in C: Note, Progress, Load, Park") {
  CWorker worker(2);
  const Client client = worker.host().dispatch(7, kMayPark | kParkAtOnce);
  prefork_connection* const connection = worker.next();
  REQUIRE(connection != nullptr);
  CHECK(worker.host().await().kind == RecordKind::kBusy);

  prefork_connection_note(connection, "a\0note", 6);
  const Arrived note(worker.host().channel());
  CHECK(note.text == std::string("a\0note", 6));
  prefork_connection_progress(connection);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kProgress, .ticket = 7});
  CHECK(prefork_worker_report_load(worker.get(), 1000) == 0);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kLoad, .value = 1000});
  CHECK(prefork_worker_report_load(worker.get(), 1001) == -1);
  CHECK(errno == EINVAL);

  CHECK(prefork_connection_may_park(connection) == 1);
  CHECK(prefork_connection_park_wanted(connection) == 1);
  prefork_connection_park(connection, nullptr, 0);
  CHECK(worker.host().await() == Record{.kind = RecordKind::kPark, .ticket = 7});
  CHECK(client.silent());
}

TEST_CASE("a program in C leaves a memo when it parks, and finds it when the connection comes again") {
  CWorker worker(2);
  const std::uint16_t flags = kMayPark | kCopyKept;
  const Client client = worker.host().dispatch(7, flags | kProxied);
  prefork_connection* connection = worker.next();
  REQUIRE(connection != nullptr);
  std::size_t length = 1;
  (void)prefork_connection_memo(connection, &length);
  CHECK(length == 0);
  CHECK(prefork_connection_proxied(connection) == 1);
  CHECK(prefork_connection_copy_kept(connection) == 1);
  CHECK(worker.host().await().kind == RecordKind::kBusy);
  const std::string memo("192.0.2.7\0and more", 18);
  prefork_connection_park(connection, memo.data(), memo.size());
  CHECK(Arrived(worker.host().channel()).text == memo);

  worker.host().dispatch_again(7, flags, memo);
  connection = worker.next();
  REQUIRE(connection != nullptr);
  const void* const kept = prefork_connection_memo(connection, &length);
  CHECK(std::string(static_cast<const char*>(kept), length) == memo);
  CHECK(prefork_connection_proxied(connection) == 0);
  prefork_connection_finish(connection);
}

TEST_CASE("a memo of a program in C that is too long ends the connection") {
  CWorker worker(2);
  Client client = worker.host().dispatch(7, kMayPark);
  prefork_connection* const connection = worker.next();
  REQUIRE(connection != nullptr);
  CHECK(worker.host().await().kind == RecordKind::kBusy);
  const std::string memo(225, 'm');
  prefork_connection_park(connection, memo.data(), memo.size());
  CHECK(worker.host().await() == Record{.kind = RecordKind::kIdle, .ticket = 7});
  CHECK(client.receive_to_end().empty());
}

TEST_CASE("the times of a connection are those of the supervisor") {
  CWorker worker(1);
  auto [client, socket] = make_connection();
  REQUIRE(worker.host().channel().send(
              {.kind = RecordKind::kConnection, .value = 3, .ticket = 9, .time_ns = 12345, .wait_us = 678},
              socket) == SendStatus::kSent);
  prefork_connection* const connection = worker.next();
  REQUIRE(connection != nullptr);
  CHECK(prefork_connection_listener(connection) == 3);
  CHECK(prefork_connection_accepted_ns(connection) == 12345);
  CHECK(prefork_connection_waited_us(connection) == 678);
  prefork_connection_finish(connection);
}

TEST_CASE("a program in C leaves: at Drain, by itself, and when it is stopped") {
  SUBCASE("Drain") {
    CWorker worker(1);
    worker.host().say(RecordKind::kDrain);
    CHECK(worker.next() == nullptr);
    CHECK(errno == ESHUTDOWN);
    CHECK(prefork_worker_draining(worker.get()) == 1);
    CHECK(prefork_worker_finished(worker.get()) == 1);
    CHECK(prefork_worker_exit_status(worker.get()) == 0);
  }
  SUBCASE("by itself") {
    CWorker worker(1);
    prefork_worker_leave(worker.get());
    CHECK(worker.host().await().kind == RecordKind::kLeave);
    CHECK(prefork_worker_finished(worker.get()) == 1);
  }
  SUBCASE("stopped") {
    CWorker worker(1);
    prefork_worker_stop(worker.get());
    CHECK(worker.next() == nullptr);
    CHECK(worker.host().await().kind == RecordKind::kLeave);
    CHECK(prefork_worker_finished(worker.get()) == 1);
  }
}

TEST_CASE("FAULTS 322: a program in C that cannot start is never ready, and exits with 1") {
  auto ends = Channel::make_pair();
  Channel host = std::move(ends.value().first);
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "1");
  prefork_worker_options options{};
  options.start = [](void*) { return 7; };
  int status = -1;
  CHECK(prefork_worker_open(1, &options, &status) == nullptr);
  CHECK(status == 1);
  CHECK(await_end(host));
}

TEST_CASE("a program in C that the supervisor has not started is told so") {
  int status = -1;
  CHECK(prefork_worker_open(1, nullptr, &status) == nullptr);
  CHECK(status == 2);
  CHECK(prefork_worker_serve([](prefork_connection*, void*) {}, nullptr) == 2);
  CHECK(prefork_worker_serve(nullptr, nullptr) == 2);
  prefork_worker_close(nullptr);
}

struct Served {
  int started = 0;
  int connections = 0;
};

void serve_for_test(prefork_connection* connection, void* context) {
  auto& served = *static_cast<Served*>(context);
  switch (++served.connections) {
    case 1: return;  // the library finishes it
    case 2: prefork_connection_finish(connection); return;
    case 3: prefork_connection_park(connection, nullptr, 0); return;
    case 4: CHECK(prefork_connection_next_request(connection, 10, nullptr, 0) == 0); return;
    default: throw std::string("a handler in C++");
  }
}

TEST_CASE("a handler in C may finish or park its connection, or leave that to the library") {
  auto ends = Channel::make_pair();
  Host host(std::move(ends.value().first));
  const ChannelEnvironment environment(std::to_string(ends.value().second.release().release()), "1");
  Served served;
  std::atomic<int> status = -1;
  std::thread worker([&] {
    prefork_worker_options options{};
    options.context = &served;
    options.start = [](void* context) { return ++static_cast<Served*>(context)->started - 1; };
    options.leave_after = 5;
    status = prefork_worker_serve(serve_for_test, &options);
  });
  CHECK(host.await().kind == RecordKind::kReady);
  const RecordKind ends_with[] = {RecordKind::kIdle, RecordKind::kIdle, RecordKind::kPark, RecordKind::kPark,
                                  RecordKind::kLeave};
  for (std::uint64_t ticket = 1; ticket <= 5; ++ticket) {
    const Client client = host.dispatch(ticket, kMayPark);
    CHECK(host.await() == Record{.kind = RecordKind::kBusy, .ticket = ticket});
    CHECK(host.await().kind == ends_with[ticket - 1]);
  }
  worker.join();
  CHECK(status == 0);
  CHECK(served.started == 1);
  CHECK(served.connections == 5);
}

TEST_CASE("a program in C reads the header of the PROXY protocol") {
  auto [client, socket] = make_connection();
  client.send(binary_header(0x11, kEnds4 + proxy_field(0x02, "example.org") + proxy_field(0xe0, "")) +
              "rest");
  char why[64] = "old";
  prefork_proxy_header* const header = prefork_read_proxy_header(socket.get(), 5000, why, sizeof(why));
  REQUIRE(header != nullptr);
  CHECK(std::string(why).empty());
  CHECK(prefork_proxy_header_version(header) == 2);
  CHECK(prefork_proxy_header_local(header) == 0);
  socklen_t length = 0;
  const sockaddr* const source = prefork_proxy_header_source(header, &length);
  REQUIRE(length == sizeof(sockaddr_in));
  CHECK(ntohs(reinterpret_cast<const sockaddr_in*>(source)->sin_port) == 56324);
  const sockaddr* const destination = prefork_proxy_header_destination(header, &length);
  CHECK(ntohs(reinterpret_cast<const sockaddr_in*>(destination)->sin_port) == 443);
  std::uint8_t type = 0;
  const void* value = nullptr;
  std::size_t size = 0;
  REQUIRE(prefork_proxy_header_field(header, 0, &type, &value, &size) == 0);
  CHECK(type == 2);
  CHECK(std::string(static_cast<const char*>(value), size) == "example.org");
  CHECK(prefork_proxy_header_field(header, 1, &type, &value, &size) == 0);
  CHECK(size == 0);
  CHECK(prefork_proxy_header_field(header, 2, &type, &value, &size) == -1);
  CHECK(errno == ENOENT);
  prefork_proxy_header_free(header);
  prefork_proxy_header_free(nullptr);
  char rest[8];
  CHECK(::recv(socket.get(), rest, sizeof(rest), MSG_DONTWAIT) == 4);
}

TEST_CASE("FAULTS 320: a program in C is told why a PROXY header is refused, in the room that it gives") {
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{100}}) {
    auto [client, socket] = make_connection();
    client.send("GET / HTTP/1.1\r\n\r\n");
    std::string why(100, '#');
    CHECK(prefork_read_proxy_header(socket.get(), 5000, why.data(), room) == nullptr);
    CHECK(errno == EPROTO);
    const std::string whole = "PROXY header: the connection does not begin with one";
    if (room > 0) CHECK(why.c_str() == whole.substr(0, room - 1));
    CHECK(why.substr(std::max(room, whole.size() + 1)) ==
          std::string(100 - std::max(room, whole.size() + 1), '#'));
  }
  const auto [client, socket] = make_connection();
  CHECK(prefork_read_proxy_header(socket.get(), 20, nullptr, 0) == nullptr);
  CHECK(errno == ETIMEDOUT);
}

}  // namespace
}  // namespace prefork::test
