#include "supervisor/admin/route.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "supervisor/admin/target.h"

namespace prefork {
namespace {

Request request(std::string target, std::string method = "GET") {
  Request made;
  made.method = std::move(method);
  made.target = std::move(target);
  made.host = "localhost";
  made.client = "127.0.0.1:5";
  return made;
}

unsigned refusal(const Request& wanted) {
  const Route found = route_of(wanted, {});
  const auto* done = std::get_if<route::Done>(&found);
  return done == nullptr ? 0 : done->response.status;
}

TEST_CASE("paths lead to what they name") {
  CHECK(std::holds_alternative<route::Metrics>(route_of(request("/metrics"), {})));
  CHECK(std::get<route::Metrics>(route_of(request("/metrics?workers=1"), {})).workers);
  CHECK(std::get<route::Health>(route_of(request("/livez"), {})).probe == route::Probe::kLive);
  CHECK(std::get<route::Health>(route_of(request("/readyz?verbose"), {})).verbose);
  CHECK(std::get<route::Status>(route_of(request("/status.json"), {})).workers);
  CHECK_FALSE(std::get<route::Status>(route_of(request("/status.json?workers=0"), {})).workers);
  CHECK(std::get<route::Worker>(route_of(request("/worker.json?pool=a%20b&worker=7"), {})).pool == "a b");
  CHECK(refusal(request("/")) == 200);
  CHECK(refusal(request("/nothing")) == 404);
  CHECK(refusal(request("nothing")) == 400);
  CHECK(refusal(request("http://localhost/")) == 400);
  CHECK(refusal(request("/%")) == 400);
  CHECK(refusal(request("/metrics?a=%4")) == 400);
  CHECK(refusal(request("/worker.json?pool=web&worker=-1")) == 400);
  CHECK(refusal(request("/worker.json?worker=1")) == 400);
}

TEST_CASE("what a stream has seen is a number") {
  Request wanted = request("/stream");
  wanted.last_event_id = "17";
  CHECK(std::get<route::EventStream>(route_of(wanted, {})).since == 17);
  wanted.last_event_id = "17x";
  CHECK(std::get<route::EventStream>(route_of(wanted, {})).since == 0);
}

TEST_CASE("an action has the token and the client, and no other member than its own") {
  Request wanted = request("/api/scale", "POST");
  wanted.authorization = "Bearer secret";
  wanted.body = R"({"pool":"web","workers":6})";
  const Route found = route_of(wanted, {});
  const auto* action = std::get_if<route::Action>(&found);
  REQUIRE(action != nullptr);
  CHECK(std::string(action->method) == "scale");
  CHECK(action->parameters ==
        Json{{"pool", "web"}, {"workers", 6}, {"token", "secret"}, {"client", "127.0.0.1:5"}});
  wanted.body = R"({"quick":true})";
  CHECK(refusal(wanted) == 400);
  wanted.body = R"({"workers":-1})";
  CHECK(refusal(wanted) == 400);
  wanted.body = R"({"token":"other"})";
  CHECK(refusal(wanted) == 400);
  wanted.target = "/api/upgrade";
  CHECK(refusal(wanted) == 404);
}

TEST_CASE("only an action may be posted") {
  CHECK(refusal(request("/metrics", "POST")) == 405);
  CHECK(refusal(request("/", "PUT")) == 405);
  CHECK(refusal(request("/api/stop")) == 405);
  CHECK(refusal(request("/livez", "HEAD")) == 0);
}

TEST_CASE("a file that has not changed is not sent again") {
  Request wanted = request("/app.js");
  wanted.if_none_match = "W/\"x\", " + std::string(find_page_file("/app.js")->etag);
  CHECK(refusal(wanted) == 304);
  wanted.if_none_match = "\"another\"";
  CHECK(refusal(wanted) == 200);
}

TEST_CASE("parameters of a query") {
  const auto target = read_target("/a%2Fb?x=1&y&x=2&z=a+b%21&&w=0");
  REQUIRE(target);
  CHECK(target->path == "/a/b");
  CHECK(target->query.at("x") == "1");
  CHECK(target->query.at("z") == "a b!");
  CHECK(target->flag("y", false));
  CHECK_FALSE(target->flag("w", true));
  CHECK(target->flag("missing", true));
}

}  // namespace
}  // namespace prefork
