// Lines of a Node worker that Node would not send, that are the application's, or that come in pieces.
#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/workers/base64.h"
#include "tests/workers/node_spoken.h"

namespace prefork {
namespace {

using test::NodeSpoken;
using test::Tickets;

TEST_SUITE_BEGIN("node dialect, hostile");

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
      {R"({"cmd":"PREFORK","act":"idle","ticket":"7 "})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"idle","ticket":" 7"})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"park","ticket":"7,8"})", "without a ticket"},
      {R"({"cmd":"PREFORK","act":"park","ticket":"7 8","memo":"YQ=="})", "one memo for several connections"},
      {R"({"cmd":"PREFORK","act":"begun","accepted":true})", R"(a receipt without "seq")"},
      {R"({"cmd":"PREFORK","act":"begun","seq":"2","accepted":true})", R"(a receipt without "seq")"},
      {R"({"cmd":"PREFORK","act":"begun","seq":2,"accepted":true})",
       "a receipt though it was sent no connection"},
      {R"({"cmd":"PREFORK","act":"begun","seq":2,"accepted":true,"ticket":"x"})", "without a ticket"},
      {R"({"cmd":"NODE_HANDLE_ACK"})", "NODE_HANDLE_ACK though it was sent no connection"},
      {R"({"cmd":"NODE_HANDLE_NACK"})", "NODE_HANDLE_NACK though it was sent no connection"},
      {R"({"cmd":"NODE_CLUSTER","ack":2,"accepted":true})", "the connection 2, which it does not have"},
      {R"({"cmd":"NODE_CLUSTER","ack":-1,"accepted":true})", "the connection -1, which it does not have"},
      {R"({"cmd":"NODE_CLUSTER","act":"queryServer","address":null,"port":8080,"addressType":4})",
       R"(queryServer without "seq")"},
  };
  for (const auto& [sent, words] : lines) {
    const std::string line = sent;
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
      R"({"cmd":"PREFORK","act":"begun","seq":1,"accepted":true})",
      R"({"cmd":"PREFORK","act":"begun","seq":2})",
      R"({"cmd":"PREFORK","act":"begun","seq":2,"accepted":"true"})",
      "{\"cmd\":\"NODE_HANDLE_ACK\"}\n{\"cmd\":\"PREFORK\",\"act\":\"begun\",\"seq\":2,\"accepted\":true}",
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

TEST_CASE("FAULTS 390: a memo has 224 bytes at most, as base64, and parks nothing otherwise") {
  NodeSpoken longest;
  longest.listen();
  longest.line(R"({"cmd":"PREFORK","act":"park","ticket":"7","memo":")" + to_base64(std::string(224, 'x')) +
               "\"}");
  REQUIRE(longest.all_of<event::WorkerParked>().size() == 1);
  CHECK(longest.all_of<event::WorkerParked>()[0].memo == std::string(224, 'x'));
  const std::pair<std::string, std::string> memos[] = {
      {to_base64(std::string(225, 'x')), "a memo of 225 bytes; at most 224 are allowed"},
      {to_base64(std::string(6000, 'x')), "a memo of 6000 bytes; at most 224 are allowed"},
      {"YQ", "a memo that is not base64: \"YQ\""},
      {"Y\\u0000==", "a memo that is not base64: \"Y\\x00==\""},
  };
  for (const auto& [memo, complaint] : memos) {
    const std::string words = complaint;
    CAPTURE(words);
    NodeSpoken node;
    node.listen();
    node.line(R"({"cmd":"PREFORK","act":"park","ticket":"7","memo":")" + memo + "\"}");
    CHECK(node.violations() == std::vector<std::string>{words});
    CHECK(node.all_of<event::WorkerParked>().empty());
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
