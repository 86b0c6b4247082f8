// The control socket's methods, with a supervisor that only records the calls.
#include "supervisor/control/methods.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace prefork {
namespace {

using nlohmann::json;

class Remembers final : public Operations, public Caller {
 public:
  SupervisorStatus status(bool workers) const override {
    SupervisorStatus status;
    status.pid = 4711;
    PoolStatus& pool = status.pools.emplace_back();
    if (workers) pool.workers.emplace_back();
    return status;
  }
  Result<WorkerStatusLine> worker(const std::string& pool, std::uint64_t number) const override {
    if (pool == "gone") return Error{"there is no pool \"gone\""};
    WorkerStatusLine line;
    line.number = number;
    return line;
  }
  Result<std::uint64_t> reload() override {
    calls.emplace_back("reload");
    if (calls.size() > 1) return Error{"the supervisor is stopping"};
    return std::uint64_t{3};
  }
  Result<Restarted> restart(const PoolName& pool) override {
    calls.push_back("restart " + pool.value_or("all"));
    if (pool == "gone") return Error{"there is no pool \"gone\""};
    return Restarted{{"a", "b"}, {"b"}};
  }
  Result<Scaled> scale(const PoolName& pool, std::size_t workers) override {
    calls.push_back("scale " + pool.value_or("the only one") + " " + std::to_string(workers));
    return Scaled{"a", 4, workers};
  }
  Result<PoolNames> reset_failed(const PoolName& pool) override {
    calls.push_back("reset_failed " + pool.value_or("all"));
    return PoolNames{"a"};
  }
  Result<void> upgrade() override {
    calls.emplace_back("upgrade");
    if (calls.size() > 1) return Error{"another upgrade is under way"};
    return {};
  }
  void stop(bool quick) override { calls.emplace_back(quick ? "stop at once" : "stop"); }
  std::uint64_t subscribe(std::optional<std::uint64_t> since) override {
    calls.push_back("subscribe " + (since ? std::to_string(*since) : "from now on"));
    return 17;
  }
  void await_reload(std::uint64_t round, const std::string& id) override {
    calls.push_back("await " + std::to_string(round) + " for " + id);
  }
  [[nodiscard]] const Rights& rights() const override { return allowed; }
  void requests(const std::string& action, const std::string& client, std::string_view denied) override {
    requested = action + " for " + client + ": " + std::string(denied);
  }
  std::vector<std::string> calls;
  Rights allowed;
  std::string requested;
};

struct Recorder {
  std::string ask(std::string_view line) {
    std::string text;
    Answer all = answer(line, remembers, remembers);
    while (all.add_next(text)) {
    }
    return text;
  }
  json call(const std::string& method, const std::string& params = "{}") {
    const std::string text =
        ask(R"({"jsonrpc": "2.0", "id": 1, "method": ")" + method + R"(", "params": )" + params + "}");
    REQUIRE(text.ends_with('\n'));
    REQUIRE(text.find('\n') == text.size() - 1);
    return json::parse(text);
  }
  json result(const std::string& method, const std::string& params = "{}") {
    const json whole = call(method, params);
    REQUIRE_MESSAGE(whole.contains("result"), whole.dump());
    CHECK(whole["id"] == 1);
    return whole["result"];
  }
  int code(std::string_view line) { return json::parse(ask(line))["error"]["code"].get<int>(); }
  std::vector<std::string>& calls() { return remembers.calls; }
  Remembers remembers;
};

TEST_CASE("each method calls its operation and answers with the result") {
  Recorder recorder;
  CHECK(recorder.result("status")["pid"] == 4711);
  CHECK(recorder.result("status", R"({"format": "table"})")["lines"][0].get<std::string>().starts_with(
      "supervisor "));
  const json restarted = recorder.result("restart");
  CHECK(restarted["pools"] == json({"a", "b"}));
  CHECK(restarted["tried_again"] == json::array({"b"}));
  CHECK(recorder.result("restart", R"({"pool": "a"})")["pools"].size() == 2);
  CHECK(recorder.result("scale", R"({"pool": "a", "workers": 0})") ==
        json::parse(R"({"pool": "a", "before": 4, "workers": 0, "elastic": false})"));
  CHECK(recorder.result("stop")["stopping"] == true);
  CHECK(recorder.result("stop", R"({"quick": true})")["stopping"] == true);
  CHECK(recorder.result("reset_failed")["pools"] == json({"a"}));
  CHECK(recorder.result("subscribe")["seq"] == 17);
  CHECK(recorder.result("subscribe", R"({"since": 3})")["seq"] == 17);
  CHECK(recorder.calls() == std::vector<std::string>{"restart all", "restart a", "scale a 0", "stop",
                                                     "stop at once", "reset_failed all",
                                                     "subscribe from now on", "subscribe 3"});
}

TEST_CASE("the status has its workers unless they are not wanted, and a worker can be asked for alone") {
  Recorder recorder;
  CHECK(recorder.result("status")["pools"][0]["workers"].size() == 1);
  CHECK(recorder.result("status", R"({"workers": true})")["pools"][0]["workers"].size() == 1);
  CHECK_FALSE(recorder.result("status", R"({"workers": false})")["pools"][0].contains("workers"));
  CHECK(recorder.result("worker", R"({"pool": "a", "worker": 7})")["worker"] == 7);
  CHECK(recorder.call("worker", R"({"pool": "gone", "worker": 7})")["error"]["code"] == -32000);
  for (const char* params : {"{}", R"({"pool": "a"})", R"({"worker": 7})"})
    CHECK(recorder.call("worker", params)["error"]["code"] == -32602);
  CHECK(recorder.call("status", R"({"workers": 4})")["error"]["message"] ==
        R"("workers" must be true or false)");
  CHECK(recorder.call("scale", R"({"workers": true})")["error"]["message"] ==
        R"("workers" must be a whole number, 0 or more)");
}

TEST_CASE("a reload is answered when its round has ended, to the request with its id") {
  Recorder recorder;
  CHECK(recorder.ask(R"({"jsonrpc": "2.0", "id": "x\u0001", "method": "reload"})").empty());
  CHECK(recorder.calls() == std::vector<std::string>{"reload", R"(await 3 for "x\u0001")"});
  const std::string line = reload_answer(R"("x\u0001")", {false, {}, {"pool.json: /hold: no"}, {"w"}});
  REQUIRE(line.ends_with('\n'));
  const json whole = json::parse(line);
  CHECK(whole["id"] == "x\x01");
  CHECK(whole["result"]["applied"] == false);
  CHECK(whole["result"]["mistakes"] == json({"pool.json: /hold: no"}));
  CHECK(whole["result"]["warnings"] == json::array({"w"}));
}

TEST_CASE("a reload that cannot begin is answered at once, and one without an id not at all") {
  Recorder recorder;
  CHECK(recorder.ask(R"({"jsonrpc": "2.0", "method": "reload"})").empty());
  CHECK(recorder.calls() == std::vector<std::string>{"reload"});
  const json verdict = recorder.result("reload");
  CHECK(verdict["applied"] == false);
  CHECK(verdict["mistakes"] == json({"the supervisor is stopping"}));
}

TEST_CASE("an answer has the request's id, of any type; a request without an id gets no answer") {
  Recorder recorder;
  CHECK(json::parse(recorder.ask(R"({"jsonrpc":"2.0","id":"a\n7","method":"stop"})"))["id"] == "a\n7");
  CHECK(json::parse(recorder.ask(R"({"jsonrpc":"2.0","id":18446744073709551615,"method":"stop"})"))["id"] ==
        UINT64_MAX);
  CHECK(json::parse(recorder.ask(R"({"jsonrpc":"2.0","id":null,"method":"stop"})"))["id"].is_null());
  CHECK(recorder.ask(R"({"jsonrpc":"2.0","method":"stop"})").empty());
  CHECK(recorder.calls().size() == 4);
}

TEST_CASE("a refused request gets the reason, with its id") {
  Recorder recorder;
  const json whole = recorder.call("restart", R"({"pool": "gone"})");
  CHECK(whole["id"] == 1);
  CHECK(whole["error"]["code"] == -32000);
  CHECK(whole["error"]["message"] == R"(there is no pool "gone")");
}

TEST_CASE("a malformed request gets a JSON-RPC error and calls no operation") {
  Recorder recorder;
  for (const char* line :
       {"", "hello", "{", "{\"jsonrpc\":\"2.0\",\"method\":\"stop\"", "\"\xff\"", "GET / HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(recorder.code(line) == -32700);
  }
  for (const char* line :
       {"[]", "7", "null", "{}", R"({"method":"stop"})", R"({"jsonrpc":"1.0","method":"stop"})",
        R"({"jsonrpc":"2.0","method":7})", R"({"jsonrpc":"2.0","method":"stop","id":[1]})",
        R"([{"jsonrpc":"2.0","id":1,"method":"stop"}])"}) {
    CAPTURE(line);
    CHECK(recorder.code(line) == -32600);
  }
  CHECK(recorder.call("upgarde")["error"]["code"] == -32601);
  CHECK(recorder.call("upgarde")["error"]["message"].get<std::string>().starts_with(
      "unknown method \"upgarde\"; there are status, "));
  CHECK(recorder.calls().empty());
}

TEST_CASE("parameters must be named, known and of the right type") {
  Recorder recorder;
  const auto message = [&](const std::string& method, const std::string& params) {
    const json whole = recorder.call(method, params);
    CHECK(whole["error"]["code"] == -32602);
    return whole["error"]["message"].get<std::string>();
  };
  CHECK(message("scale", "{}") == R"(scale needs "workers", a number)");
  CHECK(message("scale", "[4]") == R"("params" must be an object)");
  for (const char* wrong : {"-1", "1.5", "\"4\"", "null", "1e3"}) {
    CHECK(message("scale", std::string(R"({"workers": )") + wrong + "}") ==
          R"("workers" must be a whole number, 0 or more)");
  }
  CHECK(message("restart", R"({"pool": 7})") == R"("pool" must be the name of a pool)");
  CHECK(message("stop", R"({"quick": 1})") == R"("quick" must be true or false)");
  CHECK(message("status", R"({"format": "xml"})") == R"("format" must be "values" or "table")");
  CHECK(message("scale", R"({"worker": 4})") == R"(scale has no parameter "worker"; it takes pool, workers)");
  CHECK(message("reload", R"({"pool": "a"})") == R"(reload has no parameter "pool"; it takes none)");
  CHECK(recorder.calls().empty());
}

TEST_CASE("FAULTS 67: 64 KiB of brackets get an answer and cause no crash") {
  Recorder recorder;
  CHECK(recorder.code(std::string(65'536, '[')) == -32700);
  CHECK(recorder.code(std::string(32'768, '[') + std::string(32'768, ']')) == -32600);
  std::string nested = R"({"jsonrpc":"2.0","id":1,"method":"stop","params":)";
  for (int i = 0; i < 8000; ++i) nested += R"({"a":)";
  CHECK(recorder.code(nested + '1' + std::string(8001, '}')) == -32602);
}

TEST_CASE("a client with limited rights acts only with the token") {
  Recorder recorder;
  recorder.remembers.allowed = {.limited = true, .token = "0123456789abcdef"};
  const auto code = [&](const std::string& method, const std::string& params = "{}") {
    const json whole = recorder.call(method, params);
    return whole.contains("error") ? whole["error"]["code"].get<int>() : 0;
  };
  CHECK(code("status") == 0);
  CHECK(code("subscribe") == 0);
  recorder.calls().clear();
  for (const char* method : {"reload", "restart", "stop", "reset_failed", "upgrade"}) {
    CAPTURE(method);
    CHECK(code(method) == -32001);
    for (const char* wrong : {"", "0", "0123456789abcdeg", "0123456789abcdef0", "1123456789abcdef"}) {
      CHECK(code(method, R"({"token": ")" + std::string(wrong) + "\"}") == -32001);
    }
  }
  CHECK(code("scale", R"({"workers": 3})") == -32001);
  CHECK(code("upgrade", R"({"token": "0123456789abcdef"})") == -32001);
  CHECK(recorder.calls().empty());
  CHECK(code("stop", R"({"token": "0123456789abcdef", "quick": true})") == 0);
  CHECK(code("scale", R"({"token": "0123456789abcdef", "pool": "a", "workers": 3})") == 0);
  CHECK(recorder.calls() == std::vector<std::string>{"stop at once", "scale a 3"});
  recorder.remembers.allowed.token.clear();
  CHECK(code("stop", R"({"token": ""})") == -32001);
}

TEST_CASE("an action for another client is told with what it does") {
  Recorder recorder;
  (void)recorder.result("restart", R"({"pool": "a"})");
  CHECK(recorder.remembers.requested.empty());
  (void)recorder.result("scale", R"({"pool": "a", "workers": 3, "client": "10.0.0.1:7"})");
  CHECK(recorder.remembers.requested == "scale of pool a to 3 workers for 10.0.0.1:7: ");
  CHECK(recorder.call("status", R"({"client": "10.0.0.1:7"})")["error"]["code"] == -32602);
  CHECK(recorder.call("stop", R"({"token": 7})")["error"]["message"] == R"("token" must be a string)");
  recorder.remembers.allowed.limited = true;
  (void)recorder.call("stop", R"({"quick": true})");
  CHECK(recorder.remembers.requested ==
        "quick stop for : the admin page is read-only: no admin_token_file is configured");
}

TEST_CASE("a refusal is an error without an id") {
  CHECK(refusal(ControlError::kTooMany, "full") ==
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32002,\"message\":\"full\"}}\n");
}

TEST_CASE("an upgrade starts, or is refused with the reason") {
  Recorder recorder;
  CHECK(recorder.result("upgrade")["examining"] == true);
  const json refused = recorder.call("upgrade");
  CHECK(refused["error"]["code"] == -32000);
  CHECK(refused["error"]["message"].get<std::string>().find("another upgrade is under way") !=
        std::string::npos);
}

}  // namespace
}  // namespace prefork
