#include "supervisor/control/methods.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proto/counted.h"
#include "proto/joined.h"
#include "supervisor/control/json_text.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

struct Refusal {
  ControlError code = ControlError::kRefused;
  std::string message;
};
/// The verdict of this round of reloads.
struct Later {
  std::uint64_t round = 0;
};
using Outcome = std::variant<Json, Answer::Status, Refusal, Later>;

struct Parameters {
  std::optional<std::string> pool;
  std::optional<std::uint64_t> number;  ///< of workers, or of a worker
  std::optional<std::uint64_t> since;
  std::optional<std::string> token, client;
  bool quick = false;
  bool table = false;
  bool with_workers = true;
};

Json as_result(const Operations::PoolNames& pools) { return Json::object({{"pools", pools}}); }

template <typename T, typename Make>
Outcome outcome(const Result<T>& result, Make make) {
  if (!result) return Refusal{ControlError::kRefused, result.error().message()};
  return make(result.value());
}

Outcome status(const Parameters& wanted, Operations& operations, Caller& /*caller*/) {
  SupervisorStatus now = operations.status(wanted.with_workers);
  if (wanted.table) return StatusTable(std::move(now));
  return StatusJson(std::move(now), wanted.with_workers);
}

Outcome worker(const Parameters& wanted, Operations& operations, Caller& /*caller*/) {
  if (!wanted.pool || !wanted.number)
    return Refusal{ControlError::kInvalidParameters, R"(worker needs "pool" and "worker", a number)"};
  return outcome(operations.worker(*wanted.pool, *wanted.number),
                 [](const WorkerStatusLine& line) { return to_json(line); });
}

Json verdict_as_result(const ReloadVerdict& verdict) {
  return Json::object({{"applied", verdict.applied},
                       {"changes", verdict.changes},
                       {"mistakes", verdict.mistakes},
                       {"warnings", verdict.warnings}});
}

Outcome reload(const Parameters& /*wanted*/, Operations& operations, Caller& /*caller*/) {
  const auto round = operations.reload();
  if (!round) return verdict_as_result(ReloadVerdict{false, {}, {round.error().message()}});
  return Later{round.value()};
}

Outcome restart(const Parameters& wanted, Operations& operations, Caller& /*caller*/) {
  return outcome(operations.restart(wanted.pool), [](const Operations::Restarted& restarted) {
    return Json::object({{"pools", restarted.pools}, {"tried_again", restarted.tried_again}});
  });
}

Outcome scale(const Parameters& wanted, Operations& operations, Caller& /*caller*/) {
  if (!wanted.number) return Refusal{ControlError::kInvalidParameters, "scale needs \"workers\", a number"};
  return outcome(operations.scale(wanted.pool, *wanted.number), [](const Operations::Scaled& scaled) {
    return Json::object({{"pool", scaled.pool},
                         {"before", scaled.before},
                         {"workers", scaled.workers},
                         {"elastic", scaled.elastic}});
  });
}

Outcome stop(const Parameters& wanted, Operations& operations, Caller& /*caller*/) {
  operations.stop(wanted.quick);
  return Json::object({{"stopping", true}});
}

Outcome upgrade(const Parameters& /*wanted*/, Operations& operations, Caller& /*caller*/) {
  if (auto begun = operations.upgrade(); !begun)
    return Refusal{ControlError::kRefused, begun.error().message()};
  return Json::object({{"examining", true}});
}

Outcome reset_failed(const Parameters& wanted, Operations& operations, Caller& /*caller*/) {
  return outcome(operations.reset_failed(wanted.pool), as_result);
}

Outcome subscribe(const Parameters& wanted, Operations& /*operations*/, Caller& caller) {
  return Json::object({{"seq", caller.subscribe(wanted.since)}});
}

struct Parameter {
  std::string_view name;
  const char* allowed;
  /// False: the value has the wrong type.
  bool (*read)(const Json& value, Parameters& into);
};

bool read_text(const Json& value, std::optional<std::string>& into) {
  if (value.is_string()) into = value.get<std::string>();
  return value.is_string();
}
bool read_number(const Json& value, std::optional<std::uint64_t>& into) {
  if (value.is_number_unsigned()) into = value.get<std::uint64_t>();
  return value.is_number_unsigned();
}
bool read_flag(const Json& value, bool& into) {
  if (value.is_boolean()) into = value.get<bool>();
  return value.is_boolean();
}

constexpr const char* kWholeNumber = "a whole number, 0 or more";
constexpr const char* kFlag = "true or false";
constexpr Parameter kPool = {"pool", "the name of a pool",
                             [](const Json& value, Parameters& into) { return read_text(value, into.pool); }};
constexpr Parameter kWorkers = {"workers", kWholeNumber, [](const Json& value, Parameters& into) {
                                  return read_number(value, into.number);
                                }};
constexpr Parameter kWorker = {"worker", kWholeNumber, kWorkers.read};
constexpr Parameter kWithWorkers = {"workers", kFlag, [](const Json& value, Parameters& into) {
                                      return read_flag(value, into.with_workers);
                                    }};
constexpr Parameter kSince = {"since", kWholeNumber, [](const Json& value, Parameters& into) {
                                return read_number(value, into.since);
                              }};
constexpr Parameter kQuick = {
    "quick", kFlag, [](const Json& value, Parameters& into) { return read_flag(value, into.quick); }};
constexpr Parameter kFormat = {"format", R"("values" or "table")", [](const Json& value, Parameters& into) {
                                 into.table = value == "table";
                                 return into.table || value == "values";
                               }};

struct Method {
  std::string_view name;
  MethodKind kind;
  std::vector<Parameter> parameters;
  Outcome (*call)(const Parameters& wanted, Operations& operations, Caller& caller);
};

const std::vector<Method>& methods() {
  static const std::vector<Method> kMethods = {
      {"status", MethodKind::kReads, {kFormat, kWithWorkers}, status},
      {"worker", MethodKind::kReads, {kPool, kWorker}, worker},
      {"reload", MethodKind::kActs, {}, reload},
      {"restart", MethodKind::kActs, {kPool}, restart},
      {"scale", MethodKind::kActs, {kPool, kWorkers}, scale},
      {"stop", MethodKind::kActs, {kQuick}, stop},
      {"reset_failed", MethodKind::kActs, {kPool}, reset_failed},
      {"subscribe", MethodKind::kReads, {kSince}, subscribe},
      {"upgrade", MethodKind::kOwnerOnly, {}, upgrade},
  };
  return kMethods;
}

/// Every action can say for which client it is, and has the token of that client.
constexpr Parameter kOfAllActions[] = {
    {"token", "a string", [](const Json& value, Parameters& into) { return read_text(value, into.token); }},
    {"client", "a string",
     [](const Json& value, Parameters& into) { return read_text(value, into.client); }}};

/// "scale has no parameter "worker"; it takes pool, workers".
std::string unknown_parameter(const std::string& name, const Method& method) {
  std::vector<std::string_view> names;
  for (const Parameter& parameter : method.parameters) names.push_back(parameter.name);
  return std::string(method.name) + " has no parameter \"" + name + "\"; it takes " +
         (names.empty() ? "none" : joined(names));
}

const Parameter* find_parameter(std::string_view name, std::span<const Parameter> among) {
  const auto found =
      std::find_if(among.begin(), among.end(), [&](const Parameter& one) { return one.name == name; });
  return found == among.end() ? nullptr : &*found;
}

std::variant<Parameters, Refusal> read_parameters(const Json& params, const Method& method) {
  Parameters read;
  if (!params.is_object()) return Refusal{ControlError::kInvalidParameters, "\"params\" must be an object"};
  for (const auto& [name, value] : params.items()) {
    const Parameter* known = find_parameter(name, method.parameters);
    if (known == nullptr && method.kind != MethodKind::kReads) known = find_parameter(name, kOfAllActions);
    if (known == nullptr) return Refusal{ControlError::kInvalidParameters, unknown_parameter(name, method)};
    if (!known->read(value, read))
      return Refusal{ControlError::kInvalidParameters, "\"" + name + "\" must be " + known->allowed};
  }
  return read;
}

/// "restart of pool web", "scale of pool web to 6 workers", "quick stop".
std::string action_in_words(const Method& method, const Parameters& wanted) {
  std::string words = (wanted.quick ? "quick " : "") + std::string(method.name);
  if (wanted.pool) words += " of pool " + *wanted.pool;
  if (wanted.number) words += " to " + counted(*wanted.number, "worker");
  return words;
}

/// Why the caller may not; empty: it may. An action by request of another client is told.
std::string_view denied(const Method& method, const Parameters& wanted, Caller& caller) {
  const Rights& rights = caller.rights();
  const std::string_view why = denial(rights, method.kind, wanted.token);
  if (method.kind != MethodKind::kReads && (rights.limited || wanted.client))
    caller.requests(action_in_words(method, wanted), wanted.client.value_or(""), why);
  return why;
}

Outcome call(const std::string& name, const Json& request, Operations& operations, Caller& caller) {
  const auto& all = methods();
  const auto method =
      std::find_if(all.begin(), all.end(), [&](const Method& one) { return one.name == name; });
  if (method == all.end()) {
    std::vector<std::string_view> known;
    for (const Method& one : all) known.push_back(one.name);
    return Refusal{ControlError::kUnknownMethod,
                   "unknown method \"" + name.substr(0, 100) + "\"; there are " + joined(known)};
  }
  const auto params = request.find("params");
  auto wanted = read_parameters(params == request.end() ? Json::object() : *params, *method);
  if (auto* refused = std::get_if<Refusal>(&wanted)) return std::move(*refused);
  const auto& parameters = std::get<Parameters>(wanted);
  if (const auto why = denied(*method, parameters, caller); !why.empty())
    return Refusal{ControlError::kNotAllowed, std::string(why)};
  return method->call(parameters, operations, caller);
}

/// Why `request` is not a valid request; empty when it is.
std::string mistake_in(const Json& request) {
  if (request.is_array()) return "batches are not supported: send one request per line";
  if (!request.is_object()) return "a request is an object";
  const auto version = request.find("jsonrpc");
  if (version == request.end() || *version != "2.0") return "\"jsonrpc\" must be \"2.0\"";
  const auto method = request.find("method");
  if (method == request.end() || !method->is_string()) return "\"method\" must be a string";
  const auto id = request.find("id");
  const bool fine = id == request.end() || id->is_null() || id->is_string() || id->is_number();
  return fine ? "" : "\"id\" must be a string or a number";
}

Answer to_line(const Json& id, Outcome outcome) {
  Json whole = {{"jsonrpc", "2.0"}, {"id", id}};
  if (auto* status = std::get_if<Answer::Status>(&outcome)) {
    std::string begin = json_text(whole);
    begin.back() = ',';
    const bool table = std::holds_alternative<StatusTable>(*status);
    return Answer(begin + (table ? R"("result":{"lines":[)" : R"("result":)"), std::move(*status),
                  table ? "]}}\n" : "}\n");
  }
  if (const auto* refused = std::get_if<Refusal>(&outcome)) {
    whole["error"] = {{"code", static_cast<int>(refused->code)}, {"message", refused->message}};
  } else {
    whole["result"] = std::get<Json>(outcome);
  }
  return Answer(json_text(whole) + '\n');
}

Answer refused(ControlError code, const std::string& message) {
  return to_line(nullptr, Refusal{code, message});
}

}  // namespace

bool Answer::add_next(std::string& text) {
  text += std::exchange(begin_, {});
  if (!status_) return false;
  bool more = false;
  if (auto* json = std::get_if<StatusJson>(&*status_)) {
    more = json->add_next(text);
  } else {
    std::vector<std::string> lines;
    more = std::get<StatusTable>(*status_).add_next(lines);
    for (const std::string& line : lines) {
      if (std::exchange(has_lines_, true)) text += ',';
      text += json_text(line);
    }
  }
  if (!more) text += end_;
  return more;
}

Answer answer(std::string_view line, Operations& operations, Caller& caller) {
  // No parameter is nested. Deeper values are dropped while they are parsed: copying them would need a stack
  // of the same depth.
  constexpr int kDeepest = 8;
  const auto shallow = [](int depth, Json::parse_event_t, const Json&) { return depth <= kDeepest; };
  const Json request = Json::parse(line.begin(), line.end(), shallow, /*allow_exceptions=*/false);
  if (request.is_discarded()) return refused(ControlError::kParse, "this line is not JSON");
  if (const std::string mistake = mistake_in(request); !mistake.empty()) {
    return refused(ControlError::kInvalidRequest, mistake);
  }
  Outcome result = call(request.at("method").get<std::string>(), request, operations, caller);
  const auto id = request.find("id");
  if (id == request.end()) return Answer("");
  const auto* later = std::get_if<Later>(&result);
  if (later == nullptr) return to_line(*id, std::move(result));
  caller.await_reload(later->round, json_text(*id));
  return Answer("");
}

std::string reload_answer(const std::string& id, const ReloadVerdict& verdict) {
  std::string line;
  const Json of_request = Json::parse(id, nullptr, /*allow_exceptions=*/false);
  (void)to_line(of_request, verdict_as_result(verdict)).add_next(line);  // one piece
  return line;
}

std::string refusal(ControlError code, const std::string& message) {
  std::string line;
  (void)refused(code, message).add_next(line);  // one piece
  return line;
}

}  // namespace prefork
