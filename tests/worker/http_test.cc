// The service http under a supervisor: answers, refusals, and the effect of keep-alive on the worker.
#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kGetAndClose = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// A worker that has said Ready, and one client.
struct Served {
  explicit Served(const std::vector<std::string>& options = {}, std::uint16_t flags = 0)
      : Served(Prepared(options), flags) {}

  HostedWorker worker;
  Client client;

  [[nodiscard]] std::string hello() {
    return "Hello from worker " + std::to_string(worker.process().pid()) + ".\n";
  }

 private:
  struct Prepared {
    explicit Prepared(const std::vector<std::string>& options) {
      command.insert(command.end(), options.begin(), options.end());
    }
    std::vector<std::string> command{supervisor_worker(), "http"};
  };
  Served(const Prepared& prepared, std::uint16_t flags)
      : worker(prepared.command), client(first_client(flags)) {}
  Client first_client(std::uint16_t flags) {
    CHECK(worker.await().kind == RecordKind::kReady);
    Client dispatched = worker.dispatch(1, flags);
    CHECK(worker.await().kind == RecordKind::kBusy);
    return dispatched;
  }
};

std::string status_line(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

/// The answer to one request, to the end of the connection.
std::string answer_to(const std::string& request) {
  Served served;
  served.client.send(request);
  served.client.shut_down();
  return served.client.receive_to_end();
}

TEST_CASE("the page says hello and names the worker") {
  Served served;
  served.client.send(kGetAndClose);
  const std::string answer = served.client.receive_to_end();
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK(answer.find("\r\nX-Pid: " + std::to_string(served.worker.process().pid()) + "\r\n") !=
        std::string::npos);
  CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n" + served.hello()));
  CHECK(served.worker.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
}

TEST_CASE("two requests on one connection are one connection for the supervisor") {
  Served served;
  served.client.send(kGet);
  CHECK(served.client.receive_until(served.hello()).find("Connection: close") == std::string::npos);
  served.client.send(kGetAndClose);
  CHECK(served.client.receive_to_end().ends_with(served.hello()));
  CHECK(served.worker.await().kind == RecordKind::kIdle);
}

TEST_CASE("requests that arrive together are answered one after the other") {
  Served served;
  served.client.send(std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n") +
                     "GET /none HTTP/1.1\r\nHost: x\r\n\r\n" + kGetAndClose);
  const std::string answer = served.client.receive_to_end();
  const std::size_t second = answer.find("HTTP/1.1 404");
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  REQUIRE(second != std::string::npos);
  CHECK(answer.find("HTTP/1.1 200 OK", second) != std::string::npos);
}

TEST_CASE("a request may come byte by byte") {
  Served served;
  for (const char byte : std::string(kGetAndClose)) served.client.send(std::string(1, byte));
  CHECK(status_line(served.client.receive_to_end()) == "HTTP/1.1 200 OK");
}

TEST_CASE("what follows a request of doubtful length is not taken for a request") {
  for (const std::string line :
       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked",
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked", "GET / HTTP/1.1"}) {
    const std::string answer = answer_to(line + "\r\n\r\n0\r\n\r\n" + kGetAndClose);
    CAPTURE(answer);
    CHECK(answer.find("\nHTTP/1.") == std::string::npos);
    CHECK(answer.find("Hello") == std::string::npos);
  }
}

TEST_CASE("HEAD is answered with a header only") {
  const std::string answer = answer_to("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK(answer.find("Content-Length: ") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("an HTTP/1.0 connection closes after its answer, unless the client asks for keep-alive") {
  Served served;
  served.client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(status_line(served.client.receive_to_end()) == "HTTP/1.0 200 OK");
  Served staying;
  staying.client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(staying.client.receive_until(staying.hello()).find("Connection: keep-alive") != std::string::npos);
  staying.client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(status_line(staying.client.receive_to_end()) == "HTTP/1.0 200 OK");
}

TEST_CASE("a body is read and ignored, so that the next request is found") {
  const std::string answer = answer_to(
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(status_line(answer) == "HTTP/1.1 200 OK");
  CHECK(answer.find("HTTP/1.1 404") != std::string::npos);
}

TEST_CASE("each kind of invalid request has its status") {
  const auto status = [](const std::string& request) { return status_line(answer_to(request)); };
  const std::string big(9000, 'a');
  CHECK(status("GET / HTTP/1.1\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("nonsense\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("GET / HTTP/2.0\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("GET /?ms=soon HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("GET /?ms=60001 HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("GET /none HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 404 Not Found");
  CHECK(status("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed");
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n") ==
        "HTTP/1.1 413 Payload Too Large");
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n") ==
        "HTTP/1.1 417 Expectation Failed");
  CHECK(status("GET / HTTP/1.1\r\nHost: x\r\nX: " + big + "\r\n\r\n") ==
        "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_CASE("a request with a wait is answered after it") {
  CHECK(status_line(answer_to("GET /?a=b&ms=1 HTTP/1.1\r\nHost: x\r\n\r\n")) == "HTTP/1.1 200 OK");
}

TEST_CASE("a client that closes in the middle of a request gets no answer") {
  CHECK(answer_to("GET / HTTP/1.1\r\nHost") == "");
}

TEST_CASE("with --keep-alive 0 each connection serves one request") {
  Served served({"--keep-alive", "0"});
  served.client.send(kGet);
  const std::string answer = served.client.receive_to_end();
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(answer.ends_with(served.hello()));
}

TEST_CASE("a client that is silent after its answer loses the connection, and the worker is free") {
  Served served({"--keep-alive", "0.05"});
  served.client.send(kGet);
  CHECK(served.client.receive_to_end().ends_with(served.hello()));
  CHECK(served.worker.await().kind == RecordKind::kIdle);
}

TEST_CASE("a worker that is drained ends keep-alive with the next answer") {
  Served served;
  served.client.send(kGet);
  CHECK(served.client.receive_until(served.hello()).find("Connection: close") == std::string::npos);
  served.worker.say(RecordKind::kDrain);
  served.client.send(kGet);
  CHECK(served.client.receive_to_end().find("Connection: close") != std::string::npos);
  CHECK(served.worker.await().kind == RecordKind::kIdle);
  CHECK(served.worker.process().await_exit() == 0);
}

TEST_CASE("the header of a proxy comes first where the listener says so") {
  Served served({}, kProxied | kMayPark);
  SUBCASE("then the requests are served, and it comes once") {
    served.client.send("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n" + std::string(kGet));
    CHECK(served.client.receive_until(served.hello()).starts_with("HTTP/1.1 200 OK"));
    CHECK(served.worker.await().kind == RecordKind::kPark);
    served.client.send(kGet);
    served.worker.dispatch_again(1, kMayPark | kParkAtOnce);
    CHECK(served.client.receive_until(served.hello()).starts_with("HTTP/1.1 200 OK"));
  }
  SUBCASE("without it the connection ends") {
    served.client.send(kGet);
    CHECK(served.client.receive_to_end().empty());
  }
}

TEST_CASE("a connection that may be parked is parked after its answer, and served again when it comes back") {
  Served served({}, kMayPark);
  served.client.send(kGet);
  CHECK(served.client.receive_until(served.hello()).ends_with(served.hello()));
  SUBCASE("after a moment") {}
  SUBCASE("when the supervisor asks for it") { served.worker.say(RecordKind::kYield); }
  CHECK(served.worker.await() == Record{.kind = RecordKind::kPark, .ticket = 1});
  CHECK(served.client.silent());
  served.client.send(kGet);
  served.worker.dispatch_again(1, kMayPark | kParkAtOnce);
  CHECK(served.worker.await().kind == RecordKind::kBusy);
  CHECK(served.client.receive_until(served.hello()).find("Connection: close") == std::string::npos);
  CHECK(served.worker.await().kind == RecordKind::kPark);
}

TEST_CASE("a drained worker parks its connection, and the client need not connect again") {
  Served served({}, kMayPark);
  served.worker.say(RecordKind::kDrain);
  served.client.send(kGet);
  CHECK(served.client.receive_until(served.hello()).find("Connection: close") == std::string::npos);
  CHECK(served.worker.await().kind == RecordKind::kPark);
  CHECK(served.worker.process().await_exit() == 0);
  CHECK(served.client.silent());
}

TEST_CASE("requests that arrived together are answered before their connection is parked") {
  Served served({}, kMayPark);
  served.client.send(std::string(kGet) + kGet + "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answers = served.client.receive_until("There is only one page: /\n");
  CHECK(answers.find(served.hello()) != answers.rfind(served.hello()));
  CHECK(served.worker.await().kind == RecordKind::kPark);
}

constexpr int kMany = 400;

/// As many as the worker reads at once; to answer them takes longer than the interval between two Progress
/// records.
std::string many_requests() {
  std::string text;
  for (int i = 0; i < kMany; ++i) text += "GET /?ms=1 HTTP/1.1\r\nHost: x\r\n\r\n";
  return text;
}

int answers_in(const std::string& text) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find("HTTP/1.1 200 OK", at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST_CASE(
    "the connection of a client that pipelines closes, and is not parked, when others wait or the worker has "
    "to leave") {
  std::uint16_t flags = kMayPark;
  std::optional<RecordKind> said;
  SUBCASE("others wait from the beginning") { flags |= kParkAtOnce; }
  SUBCASE("others begin to wait") { said = RecordKind::kYield; }
  SUBCASE("the worker is drained") { said = RecordKind::kDrain; }
  Served served({}, flags);
  if (said) served.worker.say(*said);
  served.client.send(many_requests());
  const std::string answers = served.client.receive_to_end();
  CHECK(answers_in(answers) < kMany);
  const std::size_t close = answers.find("Connection: close");
  REQUIRE(close != std::string::npos);
  CHECK(answers.find("HTTP/1.1 200 OK", close) == std::string::npos);
  CHECK(served.worker.await() == Record{.kind = RecordKind::kProgress, .ticket = 1});
  CHECK(served.worker.await() == Record{.kind = RecordKind::kIdle, .ticket = 1});
}

TEST_CASE("a client that pipelines while no connection waits is served, and the supervisor gets Progress") {
  Served served({}, kMayPark);
  served.client.send(many_requests() + "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answers_in(served.client.receive_until("There is only one page: /\n")) == kMany);
  CHECK(served.worker.await().kind == RecordKind::kProgress);
}

TEST_CASE("a connection that the client closes, or asks to close, is not parked") {
  Served served({}, kMayPark | kParkAtOnce);
  SUBCASE("it asks") { served.client.send(kGetAndClose); }
  SUBCASE("it is gone") { served.client.shut_down(); }
  CHECK(served.worker.await().kind == RecordKind::kIdle);
  (void)served.client.receive_to_end();
}

}  // namespace
}  // namespace prefork::test
