#include "worker/program/line.h"

#include <doctest/doctest.h>

#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

using std::chrono::microseconds;
using worker::LineRequest;
using worker::parse_line_request;

TEST_CASE("a request names the kind of work and its time") {
  CHECK(parse_line_request("W 250") == LineRequest{LineRequest::Kind::kWork, microseconds(250)});
  CHECK(parse_line_request("S 0") == LineRequest{LineRequest::Kind::kSleep, microseconds(0)});
  CHECK(parse_line_request("S 60000000") == LineRequest{LineRequest::Kind::kSleep, std::chrono::seconds(60)});
}

TEST_CASE("a line that is not a request is recognized") {
  for (const char* text : {"", "W", "W ", "W x", "W 1x", "W -1", "w 1", "X 1", "W1", "W  1", "S 60000001",
                           "S 99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_line_request(text).has_value());
  }
}

/// The service's answer to `request`, with the client's sending half closed afterwards.
std::string answer_to(const std::string& request) {
  HostedWorker worker({supervisor_worker(), "line"});
  CHECK(worker.await().kind == RecordKind::kReady);
  Client client = worker.dispatch(1);
  client.send(request);
  client.shut_down();
  std::string answer = client.receive_to_end();
  CHECK(worker.await().kind == RecordKind::kBusy);
  CHECK(worker.await().kind == RecordKind::kIdle);
  const std::string own = "OK " + std::to_string(worker.process().pid()) + "\n";
  return answer == own ? "OK own pid" : answer;
}

TEST_CASE("the answer to work and sleep is the worker's pid; any other line gets the allowed forms") {
  CHECK(answer_to("W 100\n") == "OK own pid");
  CHECK(answer_to("S 100\r\n") == "OK own pid");
  CHECK(answer_to("dance\n").starts_with("ERR "));
  CHECK(answer_to(std::string(100, 'W')).starts_with("ERR "));
}

TEST_CASE("a client that leaves before the end of its line gets nothing") { CHECK(answer_to("W 100") == ""); }

TEST_CASE("a request may come in pieces") {
  HostedWorker worker({supervisor_worker(), "line"});
  CHECK(worker.await().kind == RecordKind::kReady);
  Client client = worker.dispatch(1);
  client.send("S ");
  CHECK(worker.await().kind == RecordKind::kBusy);
  client.send("1\n");
  CHECK(client.receive_to_end().starts_with("OK "));
}

}  // namespace
}  // namespace prefork::test
