#include "supervisor/admin/action_request.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "supervisor/admin/host_check.h"

namespace prefork {
namespace {

struct ActionKind {
  const char* method;
  /// The members that the body may have; empty: no further one.
  std::array<std::string_view, 2> members;
};

constexpr std::array<ActionKind, 5> kActions = {{{"restart", {"pool"}},
                                                 {"scale", {"pool", "workers"}},
                                                 {"reload", {}},
                                                 {"stop", {"quick"}},
                                                 {"reset_failed", {"pool"}}}};

/// The name that was sent is a stranger's text, and is not repeated.
std::string not_taken(const ActionKind& kind) {
  std::string known;
  for (const std::string_view member : kind.members) {
    if (!member.empty()) known += (known.empty() ? "" : ", ") + std::string(member);
  }
  return "the body has a member that is not known to " + std::string(kind.method) +
         "; known here: " + (known.empty() ? "none" : known);
}

/// What is wrong with a member of the body; empty: nothing.
std::string mistake_in(const ActionKind& kind, const std::string& name, const Json& value) {
  if (name.empty() || std::find(kind.members.begin(), kind.members.end(), name) == kind.members.end())
    return not_taken(kind);
  if (name == "pool" && !value.is_string()) return "\"pool\" is the name of a pool";
  if (name == "workers" && !value.is_number_unsigned()) return "\"workers\" is a whole number, 0 or more";
  if (name == "quick" && !value.is_boolean()) return "\"quick\" is true or false";
  return "";
}

}  // namespace

Response api_error(unsigned status, const std::string& sentence) {
  Response response = json_response(shared_text(line_of(Json{{"error", sentence}}) + "\n"));
  response.status = status;
  return response;
}

Route action_of(std::string_view name, const Request& request) {
  const auto* kind =
      std::find_if(kActions.begin(), kActions.end(), [&](const ActionKind& k) { return k.method == name; });
  if (kind == kActions.end()) return route::Done{api_error(404, "there is no such action")};
  if (request.method != "POST") {
    Response response = api_error(405, "an action is a POST");
    response.headers.emplace_back("Allow", "POST");
    return route::Done{response};
  }
  if (request.origin && !same_origin(*request.origin, request.host.value_or("")))
    return route::Done{api_error(403, "the request comes from a page of another origin")};
  auto token = bearer_token(request.authorization.value_or(""));
  if (!token) {
    Response response = api_error(401, "an action needs the header Authorization: Bearer TOKEN");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return route::Done{response};
  }
  Json parameters = request.body.empty() ? Json::object() : Json::parse(request.body, nullptr, false);
  if (!parameters.is_object()) return route::Done{api_error(400, "the body is not a JSON object")};
  for (const auto& [member_name, value] : parameters.items()) {
    std::string mistake = mistake_in(*kind, member_name, value);
    if (!mistake.empty()) return route::Done{api_error(400, mistake)};
  }
  parameters["token"] = std::move(*token);
  parameters["client"] = request.client;
  return route::Action{kind->method, std::move(parameters)};
}

}  // namespace prefork
