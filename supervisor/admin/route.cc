#include "supervisor/admin/route.h"

#include <charconv>
#include <utility>

#include "supervisor/admin/action_request.h"
#include "supervisor/admin/host_check.h"
#include "supervisor/admin/target.h"

namespace prefork {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

Route refuse(unsigned status, std::string sentence) {
  return route::Done{text_response(status, std::move(sentence))};
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// One of the tags in If-None-Match, or any.
bool has_tag(std::string_view tags, std::string_view etag) {
  return tags == "*" || tags.find(etag) != std::string_view::npos;
}

Route page_file(const PageFile& file, const Request& request) {
  Response response;
  response.type = file.type;
  response.headers = {{"ETag", std::string(file.etag)},
                      {"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", kPolicy},
                      {"Referrer-Policy", "no-referrer"}};
  if (request.if_none_match && has_tag(*request.if_none_match, file.etag)) {
    response.status = 304;
    response.body = shared_text("");
  } else {
    response.body = shared_text(std::string(file.content));
  }
  return route::Done{std::move(response)};
}

Route worker_row(const Target& target) {
  const auto pool = target.query.find("pool");
  const auto worker = target.query.find("worker");
  const auto known = worker == target.query.end() ? std::nullopt : whole_number(worker->second);
  if (pool == target.query.end() || !known) return refuse(400, "worker.json needs ?pool=NAME&worker=NUMBER");
  return route::Worker{pool->second, *known};
}

/// What anyone may ask for, whatever Host says: it is for programs, and says little.
std::optional<Route> open_route(const Target& target, const Request& request) {
  if (target.path == "/metrics")
    return route::Metrics{metrics_format(request.accept), target.flag("workers", false)};
  if (target.path == "/livez") return route::Health{route::Probe::kLive, target.flag("verbose", false)};
  if (target.path == "/readyz" || target.path == "/healthz")
    return route::Health{route::Probe::kReady, target.flag("verbose", false)};
  return std::nullopt;
}

std::optional<Route> guarded_route(const Target& target, const Request& request) {
  if (target.path == "/status.json") return route::Status{target.flag("workers", true)};
  if (target.path == "/history.json") return route::History{};
  if (target.path == "/worker.json") return worker_row(target);
  if (target.path == "/stream")
    return route::EventStream{whole_number(request.last_event_id.value_or("")).value_or(0)};
  if (const PageFile* file = find_page_file(target.path)) return page_file(*file, request);
  return std::nullopt;
}

}  // namespace

Route route_of(const Request& request, const std::vector<std::string>& hosts) {
  const auto target = read_target(request.target);
  if (!target) return refuse(400, "the path of the request is broken");
  constexpr std::string_view kApi = "/api/";
  const bool action = target->path.starts_with(kApi);
  auto found = open_route(*target, request);
  if (!found) {
    if (!host_allowed(request.host.value_or(""), hosts))
      return refuse(421, "the host of the request is not one of this server's: add it to admin_hosts");
    found = action ? action_of(std::string_view(target->path).substr(kApi.size()), request)
                   : guarded_route(*target, request);
  }
  if (!found) return refuse(404, "there is no such path");
  if (!action && request.method != "GET" && request.method != "HEAD") {
    Response response = text_response(405, "this path can only be read: GET or HEAD");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return route::Done{std::move(response)};
  }
  // Its body would have no end.
  if (request.method == "HEAD" && std::holds_alternative<route::EventStream>(*found))
    return route::Done{{200, "text/event-stream", shared_text("")}};
  return std::move(*found);
}

}  // namespace prefork
