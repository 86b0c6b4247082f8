// What a file sets without effect is told, and nothing else.
#include "config/warnings.h"

#include <doctest/doctest.h>

#include "tests/config/parse.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

Lines warned_in(std::string_view members) { return warned_of(pool_with(members)); }

Lines warned_on(std::string_view listen, std::string_view members) {
  return warned_of(R"({"listen": )" + std::string(listen) + R"(, "command": ["true"], )" +
                   std::string(members) + "}");
}

constexpr const char* kNotParked =
    R"( has no effect: no connection is parked without "park": true; add that, or remove this)";
constexpr const char* kFifo =
    R"( has no effect: it is for "order": "adaptive", and the order is "fifo"; change that, or remove this)";
constexpr const char* kNoAddress =
    " has no effect: the pool listens only on unix sockets, whose clients have no address; remove it";

TEST_SUITE_BEGIN("warnings");

TEST_CASE("a file that sets nothing is not warned of") { CHECK(warned_in("").empty()); }

TEST_CASE("bounds of parked connections need parking") {
  CHECK(warned_in(R"("keep_alive": {"idle_timeout": "2m"})") ==
        Lines{std::string("pool.json: /keep_alive/idle_timeout:") + kNotParked});
  CHECK(warned_in(R"("keep_alive": {"park": false, "max": 7})") ==
        Lines{std::string("pool.json: /keep_alive/max:") + kNotParked});
  CHECK(warned_in(R"("keep_alive": {"park": true, "idle_timeout": "2m", "max": 7})").empty());
  CHECK(warned_in(R"("keep_alive": {})").empty());
}

TEST_CASE("a time for the first byte needs wait_for_data, even if it is the default that is written") {
  CHECK(warned_in(R"("first_byte_timeout": "30s")") ==
        Lines{"pool.json: /first_byte_timeout: has no effect: no connection waits for its first byte without "
              "\"wait_for_data\": true; add that, or remove this"});
  CHECK(warned_in(R"("wait_for_data": true, "first_byte_timeout": "30s")").empty());
}

TEST_CASE("a key that counts only beside another one is told") {
  CHECK(
      warned_in(R"("health": {"ping_timeout": "3s"})") ==
      Lines{"pool.json: /health/ping_timeout: has no effect: no Ping is sent without \"ping_interval\"; add "
            "that, or remove this"});
  CHECK(warned_in(R"("health": {"ping_interval": "9s", "ping_timeout": "3s"})").empty());
  CHECK(warned_in(R"("recycle": {"jitter": 5, "rss": "64MiB"})") ==
        Lines{"pool.json: /recycle/jitter: has no effect without \"connections\" or \"age\"; add one, or "
              "remove this"});
  CHECK(warned_in(R"("recycle": {"at_once": 2})") ==
        Lines{"pool.json: /recycle/at_once: has no effect without \"connections\", \"age\" or \"rss\"; add "
              "one, or remove this"});
  CHECK(warned_in(R"("recycle": {"at_once": 2, "rss": "64MiB"})").empty());
  CHECK(warned_in(R"("recycle": {"at_once": 2, "jitter": 5, "age": "1h"})").empty());
  CHECK(warned_in(R"("output": "inherit", "output_line_max": 300)") ==
        Lines{"pool.json: /output_line_max: has no effect with \"output\": \"inherit\": the supervisor reads "
              "no lines; remove this"});
  CHECK(warned_in(R"("output_line_max": 300)").empty());
}

TEST_CASE("clients that have sent nothing are not in the queue with wait_for_data") {
  const std::string serve = R"("queue": {"half_closed": "serve"})";
  CHECK(
      warned_in(serve + R"(, "wait_for_data": true)") ==
      Lines{"pool.json: /queue/half_closed: has no effect: with \"wait_for_data\": true every connection in "
            "the queue has sent something; remove one of the two"});
  CHECK(warned_in(serve).empty());
  CHECK(warned_in(R"("queue": {"half_closed": "close"}, "wait_for_data": true)").empty());
}

TEST_CASE("a target needs the adaptive order") {
  CHECK(warned_in(R"("queue": {"target": "20ms"})") ==
        Lines{std::string("pool.json: /queue/target:") + kFifo});
  CHECK(warned_in(R"("queue": {"order": "fifo", "target": "1h"})") ==
        Lines{std::string("pool.json: /queue/target:") + kFifo});
  CHECK(warned_in(R"("queue": {"order": "adaptive", "target": "50ms"})").empty());
  CHECK(warned_in(R"("queue": {"order": "adaptive"})").empty());
}

TEST_CASE("the target must be shorter than the queue's timeout") {
  const auto adaptive = [](const std::string& times) {
    return warned_in(R"("queue": {"order": "adaptive", )" + times + "}");
  };
  CHECK(adaptive(R"("target": "1m")") == Lines{"pool.json: /queue/target: \"1m\" is never reached: no "
                                               "connection waits longer than queue.timeout, which "
                                               "is 30000 ms; make it shorter than that"});
  CHECK(adaptive(R"("timeout": "1s", "target": "1s")").size() == 1);
  CHECK(adaptive(R"("timeout": "1s", "target": "999ms")").empty());
  CHECK(
      adaptive(R"("timeout": "20ms")") ==
      Lines{
          "pool.json: /queue/timeout: \"20ms\" is over before queue.target is reached, which is 20 ms; make "
          "it longer than that, or set a shorter target"});
  CHECK(warned_in(R"("queue": {"timeout": "20ms"})").empty());
}

TEST_CASE("keys for client addresses see only the proxy at a listener with proxy_protocol") {
  const std::string keys =
      R"("connections_per_address": 9, "queue": {"fairness": "address", "full": "reject"})";
  const std::string proxied = R"({"address": "127.0.0.1:80", "proxy_protocol": true})";
  const Lines found = warned_on(proxied, keys);
  REQUIRE(found.size() == 2);
  CHECK(found[0].find("/connections_per_address: counts the addresses of proxies") != std::string::npos);
  CHECK(found[1].find("/queue/fairness: counts the addresses of proxies") != std::string::npos);
  CHECK(warned_on(R"([":81", )" + proxied + "]", keys).size() == 2);
  CHECK(warned_on(R"({"address": "127.0.0.1:80", "proxy_protocol": false})", keys).empty());
  CHECK(warned_on(proxied, R"("workers": 1)").empty());
}

TEST_CASE("keys for client addresses need a listener whose clients have addresses") {
  const std::string bounded =
      R"("connections_per_address": 9, "queue": {"fairness": "address", "full": "reject"})";
  const Lines both{std::string("pool.json: /connections_per_address:") + kNoAddress,
                   std::string("pool.json: /queue/fairness:") + kNoAddress};
  CHECK(warned_on(R"("unix:/run/web.sock")", bounded) == both);
  CHECK(warned_on(R"(["unix:/run/web.sock", "unix:@web"])", bounded) == both);
  CHECK(warned_on(R"(["unix:/run/web.sock", ":0"])", bounded).empty());
  CHECK(warned_on(R"("systemd:web")", bounded).empty());  // whatever that is
  CHECK(warned_on(R"("unix:@web")", R"("queue": {"fairness": "none"})").empty());
}

TEST_CASE("fairness by address needs a queue that rejects") {
  const Lines line{
      "pool.json: /queue/fairness: works only inside the queue: with \"full\": \"wait\" a flood also fills "
      "the kernel's backlog, where addresses do not count; set \"full\": \"reject\""};
  CHECK(warned_in(R"("queue": {"fairness": "address"})") == line);
  CHECK(warned_in(R"("queue": {"fairness": "address", "full": "wait"})") == line);
  CHECK(warned_in(R"("queue": {"fairness": "address", "full": "reject"})").empty());
  CHECK(warned_in(R"("queue": {"fairness": "none", "full": "wait"})").empty());
  // On unix sockets alone "reject" would not help.
  CHECK(warned_on(R"("unix:@web")", R"("queue": {"fairness": "address"})") ==
        Lines{std::string("pool.json: /queue/fairness:") + kNoAddress});
}

TEST_CASE("limits with which hardly a program starts are told") {
  CHECK(warned_in(R"("limits": {"nofile": 16, "as": "16MiB"})").empty());
  CHECK(
      warned_in(R"("limits": {"nofile": 15, "as": {"soft": "1MiB", "hard": "1GiB"}})") ==
      Lines{
          "pool.json: /limits/nofile: 15 descriptors are too few for most programs: they may not even start; "
          "set 16 or more, or remove this",
          "pool.json: /limits/as: 1048576 bytes of address space are too few for most programs: they may not "
          "even start; set \"16MiB\" or more, or remove this"});
}

TEST_CASE("each of several pools is checked, in the order of the file") {
  const std::string text = R"({"pools": {
    "web": {"listen": ":0", "command": ["true"], "queue": {"target": "1ms"}, "keep_alive": {"max": 7}},
    "all-right": {"listen": ":0", "command": ["true"], "queue": {"timeout": "1m"}},
    "app": {"queue": {"fairness": "address"}, "connections_per_address": 1, "listen": "unix:@a", "command": ["true"]}
  }})";
  CHECK(warned_of(text) == Lines{std::string("pool.json: /pools/web/queue/target:") + kFifo,
                                 std::string("pool.json: /pools/web/keep_alive/max:") + kNotParked,
                                 std::string("pool.json: /pools/app/queue/fairness:") + kNoAddress,
                                 std::string("pool.json: /pools/app/connections_per_address:") + kNoAddress});
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
