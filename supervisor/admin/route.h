// What a request asks for. Pure: it decides about everything of a request that this program decides
// (docs/admin.md); what a client sends ends here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/admin/accept_header.h"
#include "supervisor/admin/json_read.h"
#include "supervisor/admin/page_file.h"
#include "supervisor/admin/request.h"

namespace prefork {

namespace route {

/// Answered without the supervisor.
struct Done {
  Response response;
};
struct Metrics {
  MetricsFormat format = MetricsFormat::kText;
  bool workers = false;
};
enum class Probe { kLive, kReady };
struct Health {
  Probe probe = Probe::kLive;
  bool verbose = false;
};
struct Status {
  bool workers = true;
};
struct History {};
struct Worker {
  std::string pool;
  std::uint64_t number = 0;
};
struct EventStream {
  std::uint64_t since = 0;
};
/// A method of the control protocol, with its parameters, the token among them.
struct Action {
  const char* method = "";
  Json parameters;
};

}  // namespace route

using Route = std::variant<route::Done, route::Metrics, route::Health, route::Status, route::History,
                           route::Worker, route::EventStream, route::Action>;

/// `hosts`: the names of admin_hosts.
[[nodiscard]] Route route_of(const Request& request, const std::vector<std::string>& hosts);

/// {"error": sentence}
[[nodiscard]] Response api_error(unsigned status, const std::string& sentence);

}  // namespace prefork
