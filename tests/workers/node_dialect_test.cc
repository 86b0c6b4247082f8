// What a Node worker says, and what the supervisor understands.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/workers/node_spoken.h"

namespace prefork {
namespace {

using test::NodeSpoken;
using test::Tickets;

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
  for (const auto& [of_server, note] : others) {
    const std::string members = of_server;
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
  CHECK(
      node.read() ==
      R"({"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER","act":"newconn","key":"0.1",)"
      R"("seq":2,"prefork":{"receipt":true,"ticket":"18446744073709551615","flags":0,"listener":0,"accepted_ns":"5",)"
      R"("wait_us":3}}})"
      "\n");
  REQUIRE(node.received().size() == 1);
  CHECK((::fcntl(node.received()[0].get(), F_GETFL) & O_NONBLOCK) == 0);  // the module sets it
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

TEST_CASE("a connection has its flags, and the memo with which it was parked") {
  const std::string bytes{"a\0\xff", 3};
  NodeSpoken node;
  node.listen();
  for (const char* memo : {R"(,"memo":"YQD/")", "", R"(,"memo":"")"})
    node.line(R"({"cmd":"PREFORK","act":"park","ticket":"7")" + std::string(memo) + '}');
  std::vector<std::string> memos;
  for (const auto& parked : node.all_of<event::WorkerParked>()) memos.push_back(parked.memo);
  CHECK(memos == std::vector<std::string>{bytes, "", ""});
  action::Dispatch dispatch;
  dispatch.ticket = Ticket{7};
  dispatch.memo = bytes;
  dispatch.may_park = dispatch.park_at_once = dispatch.last = true;
  SUBCASE("none is kept, and no header comes first") {
    REQUIRE(node.send(dispatch) == SendStatus::kSent);
    const std::string line = node.read();
    CHECK(line.find(R"("flags":7,)") != std::string::npos);
    CHECK(line.ends_with(R"(,"wait_us":0,"memo":"YQD/"}}})"
                         "\n"));
  }
  SUBCASE("a copy of the socket is kept") {
    dispatch.copy_kept = true;
    REQUIRE(node.send(dispatch) == SendStatus::kSent);
    CHECK(node.read().find(R"("flags":15,)") != std::string::npos);
  }
  SUBCASE("a PROXY header comes first") {
    dispatch.proxied = true;
    REQUIRE(node.send(dispatch) == SendStatus::kSent);
    CHECK(node.read().find(R"("flags":23,)") != std::string::npos);
  }
}

TEST_CASE(
    "FAULTS 361: Node gets a few connections that it has not answered, and the next one for an answer") {
  NodeSpoken node;
  node.listen();
  constexpr std::uint64_t kFirst = 7;
  constexpr std::uint64_t kLast = kFirst + NodeDialect::kMostUnanswered;
  for (std::uint64_t ticket = kFirst; ticket < kLast; ++ticket)
    REQUIRE(node.send(ticket) == SendStatus::kSent);
  CHECK(node.send(kLast) == SendStatus::kFull);
  node.line(R"({"cmd":"NODE_HANDLE_ACK"})");
  CHECK(node.send(kLast) == SendStatus::kFull);
  node.line(R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true,"seq":3})");
  CHECK(node.send(kLast) == SendStatus::kSent);
  (void)node.read();
  CHECK(node.received().size() == NodeDialect::kMostUnanswered + 1);
  CHECK(node.tickets<event::WorkerBusy>() == Tickets{kFirst});
}

TEST_CASE("Node answers several connections in their order, also with descriptors that it had no room for") {
  NodeSpoken node;
  node.listen();
  for (std::uint64_t ticket = 7; ticket <= 10; ++ticket) REQUIRE(node.send(ticket) == SendStatus::kSent);
  SUBCASE("one after the other") {
    node.answer(true, 2);
    node.answer(false, 3);
    node.line(R"({"cmd":"PREFORK","act":"begun","seq":4,"accepted":true})");
    CHECK(node.tickets<event::WorkerBusy>() == Tickets{7, 9});
    CHECK(node.tickets<event::WorkerRefused>() == Tickets{8});
  }
  SUBCASE("the descriptors first") {
    node.line(R"({"cmd":"NODE_HANDLE_ACK"})");
    node.line(R"({"cmd":"NODE_HANDLE_NACK"})");
    node.line(R"({"cmd":"NODE_HANDLE_ACK"})");
    CHECK(node.tickets<event::WorkerRefused>() == Tickets{8});
    node.line(R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true})");
    node.line(R"({"cmd":"NODE_CLUSTER","ack":4,"accepted":true})");
    CHECK(node.tickets<event::WorkerBusy>() == Tickets{7, 9});
  }
  SUBCASE("carried over into another supervisor") {
    node.line(R"({"cmd":"NODE_HANDLE_ACK"})");
    NodeSpoken later(node.dialect().state());
    later.line(R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true})");
    later.line(R"({"cmd":"PREFORK","act":"begun","seq":3,"accepted":false})");
    CHECK(later.tickets<event::WorkerBusy>() == Tickets{7});
    CHECK(later.tickets<event::WorkerRefused>() == Tickets{8});
    CHECK(later.violations().empty());
  }
  CHECK(node.violations().empty());
  SUBCASE("another one first") {
    node.answer(true, 3);
    CHECK(node.tickets<event::WorkerBusy>().empty());
    CHECK(node.violations().size() == 1);
  }
}

TEST_CASE("FAULTS 553: the connection that an earlier version has sent is answered after an upgrade") {
  DialectState state = test::of_pool();
  state.node.seq = 5;
  state.node.ticket = Ticket{7};
  SUBCASE("with its descriptor") { state.node.handle_sent = true; }
  SUBCASE("its descriptor was acknowledged before") {}
  NodeSpoken node(state);
  if (state.node.handle_sent) node.line(R"({"cmd":"NODE_HANDLE_ACK"})");
  node.line(R"({"cmd":"NODE_CLUSTER","ack":5,"accepted":true})");
  CHECK(node.tickets<event::WorkerBusy>() == Tickets{7});
  CHECK(node.violations().empty());
  CHECK_FALSE(node.dialect().state().node.ticket);
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

TEST_CASE("the module's receipt is for the descriptor and for the connection, with those that are over") {
  NodeSpoken node;
  node.listen();
  REQUIRE(node.send(7) == SendStatus::kSent);
  node.line(R"({"cmd":"PREFORK","act":"begun","seq":2,"accepted":true})");
  REQUIRE(node.send(8) == SendStatus::kSent);
  node.line(R"({"cmd":"PREFORK","act":"begun","seq":3,"accepted":false,"ticket":"7"})");
  REQUIRE(node.send(9) == SendStatus::kSent);
  node.line(R"({"cmd":"PREFORK","act":"begun","seq":4,"accepted":true,"ticket":"5 6"})");
  node.line(R"({"cmd":"PREFORK","act":"park","ticket":"9 18446744073709551615"})");
  CHECK(node.tickets<event::WorkerBusy>() == Tickets{7, 9});
  CHECK(node.tickets<event::WorkerRefused>() == Tickets{8});
  CHECK(node.tickets<event::WorkerIdle>() == Tickets{7, 5, 6});
  CHECK(node.tickets<event::WorkerParked>() == Tickets{9, 18446744073709551615U});
  CHECK(node.violations().empty());
}

TEST_CASE(
    "FAULTS 415: a connection that cannot be sent to a Node worker has a socket that blocks, as before") {
  NodeSpoken node;
  node.listen();
  while (node.dialect().ping() == SendStatus::kSent) continue;
  CHECK(node.send(7) == SendStatus::kFull);
  CHECK((::fcntl(node.client(), F_GETFL) & O_NONBLOCK) == 0);
  (void)node.read();
  CHECK(node.send(7) == SendStatus::kSent);
}

TEST_CASE("FAULTS 471: the socket for a Node module of before, which leaves it as it is, does not block") {
  NodeSpoken node(test::of_pool(), R"({"cmd":"PREFORK","act":"hello","version":"1"})");
  node.listen();
  while (node.dialect().ping() == SendStatus::kSent) continue;
  CHECK(node.send(7) == SendStatus::kFull);
  CHECK((::fcntl(node.client(), F_GETFL) & O_NONBLOCK) == 0);  // for the next worker
  (void)node.read();
  CHECK(node.send(7) == SendStatus::kSent);
  CHECK((::fcntl(node.client(), F_GETFL) & O_NONBLOCK) != 0);
  const DialectState kept = node.dialect().state();
  CHECK_FALSE(kept.node.unblocks);
  node.line(R"({"cmd":"PREFORK","act":"hello","version":"1","value":1})");
  CHECK(node.dialect().state().node.unblocks);
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
  SUBCASE("the module waits for Drain") {
    node.line(R"({"cmd":"PREFORK","act":"leave"})");
    CHECK(node.read() == "{\"cmd\":\"PREFORK\",\"act\":\"drain\"}\n");
  }
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

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
