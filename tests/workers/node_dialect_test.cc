// What a Node worker says, and what the supervisor understands.
#include "supervisor/workers/node_dialect.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace prefork {
namespace {

const WorkerId kNode = WorkerId::make(7, 0);

DialectState of_pool(std::string listen = "0=127.0.0.1:8080,3=unix:/run/app.sock") {
  DialectState state;
  state.wire = Wire::kNode;
  state.node.listen = std::move(listen);
  return state;
}

/// A dialect, what it tells, and the worker's end of the channel.
class NodeSpoken final : private Dialect::Listener {
 public:
  explicit NodeSpoken(const DialectState& state = of_pool()) {
    auto ends = Channel::make_pair(/*send_buffer=*/64 * 1024, SOCK_STREAM);
    REQUIRE(ends.ok());
    ours_ = std::move(ends.value().first);
    worker_ = ends.value().second.release();
    int pair[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    client_.reset(pair[0]);
    Fd(pair[1]).reset();
    dialect_.emplace(Dialect::Worker{kNode, ours_, unread_, static_cast<Dialect::Listener&>(*this)}, state);
  }

  [[nodiscard]] SendStatus send(std::uint64_t ticket, ListenerIndex listener = 0) {
    action::Dispatch dispatch;
    dispatch.ticket = Ticket{ticket};
    dispatch.listener = listener;
    dispatch.accepted_at = Instant(std::chrono::nanoseconds(5));
    dispatch.waited = std::chrono::microseconds(3);
    return dialect_->send(dispatch, client_);
  }
  /// The worker writes, and the supervisor receives all of it.
  void write(std::string_view text) {
    REQUIRE(::write(worker_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    while (ours_.receive(datagram_) == ReceiveStatus::kDatagram)
      dialect_->hear(datagram_.bytes(), /*introduces=*/false);
  }
  void line(std::string_view text) { write(std::string(text) + '\n'); }
  /// All that the worker has been sent, and how many descriptors came with it.
  std::string read() {
    std::string all;
    for (;;) {
      std::array<char, 4096> bytes{};
      iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
      msghdr header{};
      header.msg_iov = &part;
      header.msg_iovlen = 1;
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      const ssize_t size = ::recvmsg(worker_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size <= 0) return all;
      if (CMSG_FIRSTHDR(&header) != nullptr) {
        int descriptor = -1;
        std::copy_n(CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(int),
                    reinterpret_cast<unsigned char*>(&descriptor));
        received_.emplace_back(descriptor);
      }
      all.append(bytes.data(), static_cast<std::size_t>(size));
    }
  }
  /// Its program listens at the first address of the pool.
  void listen() {
    line(R"({"cmd":"PREFORK","act":"hello","version":"1"})");
    line(R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4,"seq":1})");
    line(R"({"cmd":"NODE_CLUSTER","act":"listening","address":null,"port":8080,"addressType":4,"seq":2})");
    (void)read();
  }
  /// Node takes and accepts what it has been sent, or does not.
  void answer(bool accepted, std::uint64_t seq) {
    line(R"({"cmd":"NODE_HANDLE_ACK"})");
    line(R"({"cmd":"NODE_CLUSTER","ack":)" + std::to_string(seq) + R"(,"accepted":)" +
         (accepted ? "true" : "false") + R"(,"seq":3})");
  }

  template <typename T>
  [[nodiscard]] std::vector<T> all_of() const {
    std::vector<T> all;
    for (const Event& event : told_) {
      if (const T* wanted = std::get_if<T>(&event)) all.push_back(*wanted);
    }
    return all;
  }
  template <typename T>
  [[nodiscard]] std::vector<std::uint64_t> tickets() const {
    std::vector<std::uint64_t> tickets;
    for (const T& event : all_of<T>()) tickets.push_back(event.ticket.value);
    return tickets;
  }
  [[nodiscard]] NodeDialect& dialect() { return *dialect_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] std::size_t told() const { return told_.size(); }
  [[nodiscard]] std::vector<Fd>& received() { return received_; }
  [[nodiscard]] int client() const { return client_.get(); }

 private:
  void tell(const Event& event) override { told_.push_back(event); }
  void violated(const std::string& what) override { violations_.push_back(what); }
  void noted(std::string note) override { notes_.push_back(std::move(note)); }

  Fd client_;
  UnreadDatagrams unread_;
  Channel ours_;
  Fd worker_;
  Datagram datagram_;
  std::vector<Event> told_;
  std::vector<std::string> violations_;
  std::vector<std::string> notes_;
  std::vector<Fd> received_;
  std::optional<NodeDialect> dialect_;
};

using Tickets = std::vector<std::uint64_t>;

TEST_SUITE_BEGIN("node dialect");

TEST_CASE("a Node worker is ready when its server listens at an address of the pool") {
  NodeSpoken node;
  node.dialect().begin();
  node.line(R"({"cmd":"NODE_CLUSTER","act":"online","seq":0})");
  node.line(R"({"cmd":"PREFORK","act":"hello","version":"1"})");
  node.line(
      R"({"cmd":"NODE_CLUSTER","act":"queryServer","index":0,"data":null,"address":null,"port":8080,"addressType":4,"seq":1})");
  CHECK(node.told() == 0);
  CHECK(node.read() == R"({"cmd":"NODE_CLUSTER","ack":1,"errno":0,"key":"0.1","data":null,"sockname":)"
                       R"({"address":"127.0.0.1","family":"IPv4","port":8080}})"
                       "\n");
  node.line(R"({"cmd":"NODE_CLUSTER","act":"listening","address":null,"port":8080,"addressType":4,"seq":2})");
  REQUIRE(node.all_of<event::WorkerReady>().size() == 1);
  CHECK(node.all_of<event::WorkerReady>()[0].slots > 4096);
  node.line(
      R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":"/run/app.sock","port":-1,"addressType":-1,"seq":3})");
  CHECK(node.read() == "{\"cmd\":\"NODE_CLUSTER\",\"ack\":3,\"errno\":0,\"key\":\"3.2\",\"data\":null}\n");
  node.line(
      R"({"cmd":"NODE_CLUSTER","act":"listening","address":"/run/app.sock","port":-1,"addressType":-1,"seq":4})");
  CHECK(node.told() == 1);  // once
  CHECK(node.violations().empty());
}

TEST_CASE("the ticket keys of a TLS server come back to it, and nothing else does") {
  NodeSpoken node;
  node.line(R"({"cmd":"PREFORK","act":"hello"})");
  const std::string begin =
      R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4,"seq":1,"data":)";
  node.line(begin + R"("00ff"})");
  CHECK(node.read().find(R"("data":"00ff")") != std::string::npos);
  for (const std::string data : {R"("no\"pe")", R"({"a":1})", "7"}) {
    node.line(begin + data + '}');
    CHECK(node.read().find(R"("data":null)") != std::string::npos);
  }
}

TEST_CASE("an address that is none of the pool's is the program's own: the answer is an error") {
  NodeSpoken node;
  node.line(R"({"cmd":"PREFORK","act":"hello"})");
  const std::pair<std::string, std::string> others[] = {
      {R"("address":"127.0.0.1","port":9090,"addressType":4)", "listens at 127.0.0.1:9090"},
      {R"("address":"::1","port":9090,"addressType":6)", "listens at [::1]:9090"},
      {R"("address":"127.0.0.2","port":8080,"addressType":4)", "listens at 127.0.0.2:8080"},
      {R"("address":"/run/other","port":-1,"addressType":-1)", "listens at unix:/run/other"},
      {R"("address":null,"port":0,"addressType":4)", ""},
      {R"("address":null,"port":null,"addressType":null,"fd":5)", ""},
      {R"("address":"0.0.0.0","port":8080,"addressType":"udp4")", ""},
      {R"("address":"\"\\\n","port":8080,"addressType":4)", ""},
  };
  for (const auto& [members, note] : others) {
    CAPTURE(members);
    node.line(R"({"cmd":"NODE_CLUSTER","act":"queryServer","seq":1,)" + members + '}');
    CHECK(node.read() == "{\"cmd\":\"NODE_CLUSTER\",\"ack\":1,\"errno\":-99,\"key\":\"\",\"data\":null}\n");
    if (!note.empty()) CHECK(node.notes().back() == note);
    node.line(R"({"cmd":"NODE_CLUSTER","act":"listening","seq":2,)" + members + '}');
    CHECK(node.told() == 0);
  }
  CHECK(node.violations().empty());
}

TEST_CASE("a connection is one message with its descriptor, begun when Node accepts it") {
  NodeSpoken node;
  CHECK(node.send(7) == SendStatus::kFull);  // no server listens
  node.listen();
  REQUIRE(node.send(18446744073709551615U) == SendStatus::kSent);
  CHECK(node.read() ==
        R"({"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER","act":"newconn","key":"0.1",)"
        R"("seq":2,"prefork":{"ticket":"18446744073709551615","flags":0,"listener":0,"accepted_ns":"5",)"
        R"("wait_us":3}}})"
        "\n");
  REQUIRE(node.received().size() == 1);
  CHECK((::fcntl(node.received()[0].get(), F_GETFL) & O_NONBLOCK) != 0);  // libuv must never wait in it
  node.answer(true, 2);
  CHECK(node.tickets<event::WorkerBusy>() == Tickets{18446744073709551615U});
  node.line(R"({"cmd":"PREFORK","act":"progress","ticket":"18446744073709551615"})");
  node.line(R"({"cmd":"PREFORK","act":"park","ticket":"18446744073709551615","memo":"AAA="})");
  node.line(R"({"cmd":"PREFORK","act":"idle","ticket":"5"})");
  CHECK(node.tickets<event::WorkerProgress>() == Tickets{18446744073709551615U});
  CHECK(node.tickets<event::WorkerParked>() == Tickets{18446744073709551615U});
  CHECK(node.tickets<event::WorkerIdle>() == Tickets{5});
  CHECK(node.violations().empty());
}

TEST_CASE("FAULTS 361: Node gets one descriptor at a time, the next one when it has answered") {
  NodeSpoken node;
  node.listen();
  REQUIRE(node.send(7) == SendStatus::kSent);
  CHECK(node.send(8) == SendStatus::kFull);
  node.line(R"({"cmd":"NODE_HANDLE_ACK"})");
  CHECK(node.send(8) == SendStatus::kFull);
  node.line(R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true,"seq":3})");
  CHECK(node.send(8) == SendStatus::kSent);
  (void)node.read();
  CHECK(node.received().size() == 2);
}

TEST_CASE("FAULTS 362: a connection that Node does not accept, or had no descriptor for, is refused") {
  NodeSpoken node;
  node.listen();
  REQUIRE(node.send(7) == SendStatus::kSent);
  node.answer(false, 2);
  REQUIRE(node.send(8) == SendStatus::kSent);
  node.line(R"({"cmd":"NODE_HANDLE_NACK"})");
  REQUIRE(node.send(9) == SendStatus::kSent);
  CHECK(node.tickets<event::WorkerRefused>() == Tickets{7, 8});
  CHECK(node.tickets<event::WorkerBusy>().empty());
}

TEST_CASE("a connection goes to the server at its own address, else to any") {
  NodeSpoken node;
  node.listen();
  node.line(
      R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":"/run/app.sock","port":-1,"addressType":-1,"seq":3})");
  (void)node.read();
  REQUIRE(node.send(7, 3) == SendStatus::kSent);
  CHECK(node.read().find(R"("key":"3.2")") != std::string::npos);
  node.answer(true, 3);
  REQUIRE(node.send(8, 9) == SendStatus::kSent);
  CHECK(node.read().find(R"("key":"0.1")") != std::string::npos);
}

TEST_CASE("a program that closes its last server, or disconnects, leaves") {
  NodeSpoken node;
  node.listen();
  node.line(R"({"cmd":"NODE_CLUSTER","act":"close","key":"9.9","seq":3})");
  CHECK(node.all_of<event::WorkerLeaves>().empty());
  SUBCASE("close") { node.line(R"({"cmd":"NODE_CLUSTER","act":"close","key":"0.1","seq":4})"); }
  SUBCASE("the module") { node.line(R"({"cmd":"PREFORK","act":"leave"})"); }
  SUBCASE("worker.disconnect() waits for an answer") {
    node.line(R"({"cmd":"NODE_CLUSTER","act":"exitedAfterDisconnect","seq":4})");
    CHECK(node.read() == "{\"cmd\":\"NODE_CLUSTER\",\"ack\":4}\n");
  }
  CHECK(node.all_of<event::WorkerLeaves>().size() == 1);
}

TEST_CASE(
    "FAULTS 368: what a worker has not begun when it leaves is given back, and its late answer is nothing") {
  NodeSpoken node;
  node.listen();
  REQUIRE(node.send(7) == SendStatus::kSent);
  node.line(R"({"cmd":"NODE_CLUSTER","act":"close","key":"0.1","seq":3})");
  CHECK(node.all_of<event::WorkerLeaves>().size() == 1);
  SUBCASE("no descriptor") { node.line(R"({"cmd":"NODE_HANDLE_NACK"})"); }
  SUBCASE("refused") { node.answer(false, 2); }
  SUBCASE("no answer") { node.line(R"({"cmd":"NODE_HANDLE_ACK"})"); }
  CHECK(node.violations().empty());
  CHECK(node.tickets<event::WorkerRefused>().empty());
  SUBCASE("accepted") {
    node.answer(true, 2);
    CHECK(node.violations().size() == 1);  // it is another worker's by now
  }
  CHECK(node.send(8) == SendStatus::kFull);
}

TEST_CASE("the supervisor's wishes are lines for the module, and its answers events") {
  NodeSpoken node;
  CHECK(node.dialect().ping() == SendStatus::kSent);
  node.dialect().yield();
  node.dialect().drain();
  CHECK(node.read() ==
        "{\"cmd\":\"PREFORK\",\"act\":\"ping\"}\n{\"cmd\":\"PREFORK\",\"act\":\"yield\"}\n"
        "{\"cmd\":\"PREFORK\",\"act\":\"drain\"}\n");
  node.line(R"({"cmd":"PREFORK","act":"pong"})");
  CHECK(node.all_of<event::WorkerPong>().size() == 1);
  for (const char* value : {"250", "-1", "99999999999999999999", "null"})
    node.line(std::string(R"({"cmd":"PREFORK","act":"load","value":)") + value + '}');
  std::vector<std::uint32_t> loads;
  for (const auto& load : node.all_of<event::WorkerLoad>()) loads.push_back(load.load);
  CHECK(loads == std::vector<std::uint32_t>{250, 0, 0, 0});
  node.line(R"({"cmd":"PREFORK","act":"note","text":"GET /\n\u00e9"})");
  CHECK(node.notes() == std::vector<std::string>{"GET /\\x0a\\xc3\\xa9"});
}

TEST_CASE("FAULTS 363: what an application sends with process.send() is none of the supervisor's business") {
  NodeSpoken node;
  node.listen();
  const std::size_t before = node.told();
  const std::string deep = std::string(3000, '[') + std::string(3000, ']');
  const std::string texts[] = {R"("ready")",
                               "7",
                               "null",
                               "true",
                               "[]",
                               "{}",
                               "-1.5e3",
                               R"("\ud800")",
                               R"({"a":"\uDFFF"})",
                               R"({"cmd":"x"})",
                               R"({"cmd":7})",
                               R"({"cmd":{"cmd":"PREFORK","act":"nonsense"}})",
                               R"([{"cmd":"PREFORK","act":"nonsense"}])",
                               R"({"type":"axm:monitor","data":{}})",
                               deep,
                               R"({"cmd":"NODE_CLUSTER","act":"of a later Node","seq":9})",
                               R"({"cmd":"NODE_x"})",
                               '"' + std::string(100000, 'x') + '"',
                               "{\"cmd\":\"PREFORK\"," + std::string(9000, ' ') + "}"};
  for (const std::string& text : texts) {
    CAPTURE(text.substr(0, 60));
    node.line(text);
    CHECK(node.violations().empty());
  }
  CHECK(node.told() == before);
  node.line(R"({"cmd":"PREFORK","act":"pong"})");
  CHECK(node.told() == before + 1);  // it is still understood
}

TEST_CASE("FAULTS 360: a line that Node would not send is a violation, told in words") {
  const std::pair<std::string, std::string> lines[] = {
      {"", "which is not JSON"},
      {"garbage", R"(the line "garbage", which is not JSON)"},
      {"{", "which is not JSON"},
      {R"({"cmd":"PREFORK","act":"pong"}x)", "which is not JSON"},
      {R"({"cmd":"PREFORK","act":"pong",})", "which is not JSON"},
      {R"({'cmd':'PREFORK'})", "which is not JSON"},
      {"\"\xff\"", R"(the line ""\xff"", which)"},
      {std::string("\"\0\"", 3), "which is not JSON"},
      {std::string(8192, '['), "which is not JSON"},
      {R"({"cmd":"PREFORK"})", R"(the act "", which is unknown)"},
      {R"({"cmd":"PREFORK","act":"idel","ticket":"7"})", R"(the act "idel", which is unknown)"},
      {R"({"cmd":"PREFORK","act":"idle"})", R"(the act "idle", without a ticket)"},
      {R"({"cmd":"PREFORK","act":"idle","ticket":7})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"idle","ticket":""})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"idle","ticket":"0"})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"idle","ticket":"-7"})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"park","ticket":"18446744073709551616"})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"progress","ticket":"7 "})", "without a ticket"},
      {R"({"cmd":"NODE_HANDLE_ACK"})", "NODE_HANDLE_ACK though it was sent no connection"},
      {R"({"cmd":"NODE_HANDLE_NACK"})", "NODE_HANDLE_NACK though it was sent no connection"},
      {R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true})", "the connection 2, which it does not have"},
      {R"({"cmd":"NODE_CLUSTER","ack":-1,"accepted":true})", "the connection -1, which it does not have"},
      {R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4})",
       R"(queryServer without "seq")"},
  };
  for (const auto& [line, words] : lines) {
    CAPTURE(line);
    NodeSpoken node;
    node.listen();
    const std::size_t before = node.told();
    node.line(line);
    REQUIRE(node.violations().size() == 1);
    CHECK_MESSAGE(node.violations()[0].find(words) != std::string::npos, node.violations()[0]);
    CHECK(node.violations()[0].size() < 200);
    node.line(R"({"cmd":"PREFORK","act":"pong"})");
    CHECK(node.told() == before);  // nothing after it means anything
    CHECK(node.violations().size() == 1);
  }
}

TEST_CASE("FAULTS 360: an answer that does not fit the connection that Node was sent is a violation") {
  const std::string answers[] = {
      R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true})",  // before it has taken the descriptor
      "{\"cmd\":\"NODE_HANDLE_ACK\"}\n{\"cmd\":\"NODE_HANDLE_ACK\"}",
      "{\"cmd\":\"NODE_HANDLE_ACK\"}\n{\"cmd\":\"NODE_CLUSTER\",\"ack\":1,\"accepted\":true}",
      "{\"cmd\":\"NODE_HANDLE_ACK\"}\n{\"cmd\":\"NODE_CLUSTER\",\"ack\":2}",
      "{\"cmd\":\"NODE_HANDLE_ACK\"}\n{\"cmd\":\"NODE_CLUSTER\",\"ack\":2,\"accepted\":1}",
      "{\"cmd\":\"NODE_HANDLE_NACK\"}\n{\"cmd\":\"NODE_CLUSTER\",\"ack\":2,\"accepted\":true}",
  };
  for (const std::string& answer : answers) {
    CAPTURE(answer);
    NodeSpoken node;
    node.listen();
    REQUIRE(node.send(7) == SendStatus::kSent);
    node.line(answer);
    CHECK(node.violations().size() == 1);
    CHECK(node.tickets<event::WorkerBusy>().empty());
  }
}

TEST_CASE("FAULTS 364: a Node program without the module is told apart when it listens") {
  NodeSpoken node;
  node.line(R"({"cmd":"NODE_CLUSTER","act":"online","seq":0})");
  node.line(
      R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4,"seq":1})");
  REQUIRE(node.violations().size() == 1);
  CHECK(node.violations()[0].find("clears NODE_OPTIONS") != std::string::npos);
}

TEST_CASE("FAULTS 365: lines come in pieces, and many at once, before and after an upgrade in place") {
  std::optional<NodeSpoken> node;
  node.emplace();
  node->listen();
  REQUIRE(node->send(7) == SendStatus::kSent);
  const std::string answers =
      "{\"cmd\":\"NODE_HANDLE_ACK\"}\n{\"cmd\":\"NODE_CLUSTER\",\"ack\":2,\"accepted\":true,\"seq\":3}\n";
  SUBCASE("at once") { node->write(answers); }
  SUBCASE("byte by byte") {
    for (const char each : answers) node->write(std::string_view(&each, 1));
  }
  SUBCASE("with an upgrade between two bytes") {
    for (std::size_t at = 0; at < answers.size(); ++at) {
      NodeSpoken before;
      before.listen();
      REQUIRE(before.send(7) == SendStatus::kSent);
      before.write(answers.substr(0, at));
      const bool told = !before.tickets<event::WorkerBusy>().empty();
      NodeSpoken after(before.dialect().state());
      after.write(answers.substr(at));
      CHECK(after.violations().empty());
      CHECK((told ? before : after).tickets<event::WorkerBusy>() == Tickets{7});
      REQUIRE(after.send(8) == SendStatus::kSent);
      CHECK(after.read().find(R"("key":"0.1","seq":3)") != std::string::npos);
    }
    return;
  }
  CHECK(node->tickets<event::WorkerBusy>() == Tickets{7});
}

TEST_CASE("FAULTS 365: what is kept of a line has 8 KiB at most, also across an upgrade in place") {
  NodeSpoken node;
  node.listen();
  node.write('"' + std::string(8191, 'x'));
  CHECK(node.dialect().state().node.line.size() == 8192);
  node.write("x");
  CHECK(node.dialect().state().node.line.empty());
  NodeSpoken after(node.dialect().state());
  after.write(std::string(50000, 'x') + "\"\n{\"cmd\":\"PREFORK\",\"act\":\"pong\"}\n");
  CHECK(after.all_of<event::WorkerPong>().size() == 1);
  CHECK(after.violations().empty());
}

TEST_CASE("FAULTS 366: a worker that asks more than it reads answers is killed, and costs no memory") {
  NodeSpoken node;
  node.listen();
  for (int i = 0; i < 100'000 && node.violations().empty(); ++i) {
    node.line(
        R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4,"seq":1})");
    CHECK(node.dialect().state().node.servers.size() <= NodeDialect::kMostServers);
  }
  REQUIRE(node.violations().size() == 1);
  CHECK(node.violations()[0] == "more questions than it reads answers");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
