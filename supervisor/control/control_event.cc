#include "supervisor/control/control_event.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "supervisor/control/describe.h"
#include "supervisor/control/json_text.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

/// "2026-01-31T12:34:56.789Z"
std::string time_text(WallTime at) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  (void)::gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
  return std::string(text, size) + '.' + fraction + 'Z';
}

Json fields(const control_event::WorkerStarted& event) {
  return {{"event", "worker_started"},     {"pool", event.pool},
          {"worker", event.worker},        {"pid", event.pid},
          {"role", role_name(event.role)}, {"generation", event.generation}};
}

Json fields(const control_event::WorkerReady& event) {
  return {{"event", "worker_ready"},
          {"pool", event.pool},
          {"worker", event.worker},
          {"pid", event.pid},
          {"took_ms", milliseconds(event.took)}};
}

Json fields(const control_event::ConnectionRedispatched& event) {
  return {{"event", "connection_redispatched"},
          {"pool", event.pool},
          {"worker", event.worker},
          {"pid", event.pid},
          {"times", event.times}};
}

const char* kind_name(Exit::Kind kind) {
  switch (kind) {
    case Exit::Kind::kExited: return "exited";
    case Exit::Kind::kSignaled: return "signaled";
    case Exit::Kind::kNotStarted: return "not_started";
    case Exit::Kind::kVanished: return "vanished";
    case Exit::Kind::kOutOfMemory: return "out_of_memory";
  }
  return "?";
}

Json fields(const control_event::WorkerDied& event) {
  const DeathRecord& record = event.record;
  return {{"event", "worker_died"},
          {"pool", event.pool},
          {"worker", record.worker.sequence()},
          {"pid", event.pid},
          {"role", role_name(record.role)},
          {"generation", record.generation},
          {"planned", !record.is_failure()},
          {"how", kind_name(record.exit.kind)},
          {"value", record.exit.value},
          {"reason", to_string(record.reason)},
          {"violation", record.violation ? describe(*record.violation) : ""},
          {"killed_by_us", record.killed_by_us},
          {"was_ready", record.was_ready},
          {"age_ms", milliseconds(record.age)},
          {"served", record.served},
          {"refused", record.refused},
          {"held_begun", record.held_begun},
          {"held_unbegun", record.held_unbegun},
          {"held_closed", record.held_closed},
          {"text", event.text},
          {"output", event.output}};
}

Json fields(const control_event::Reloaded& event) {
  return {{"event", "reload"},
          {"applied", event.verdict.applied},
          {"changes", event.verdict.changes},
          {"mistakes", event.verdict.mistakes},
          {"warnings", event.verdict.warnings}};
}

Json fields(const control_event::SaturationChanged& event) {
  return {{"event", "saturation"},
          {"pool", event.pool},
          {"saturated", event.saturated},
          {"queued", event.queued}};
}

const char* stage_name(control_event::RolloutStaged::Stage stage) {
  using Stage = control_event::RolloutStaged::Stage;
  switch (stage) {
    case Stage::kTrial: return "trial";
    case Stage::kTakesOver: return "takes_over";
    case Stage::kFailed: return "failed";
    case Stage::kAbandoned: return "abandoned";
    case Stage::kStarts: return "starts";
    case Stage::kServes: return "serves";
    case Stage::kDoesNotStart: return "does_not_start";
  }
  return "?";
}

Json fields(const control_event::RolloutStaged& event) {
  return {{"event", "rollout"},
          {"pool", event.pool},
          {"stage", stage_name(event.stage)},
          {"generation", event.generation},
          {"text", event.text}};
}

Json fields(const control_event::UpgradeRefused& event) {
  return {{"event", "upgrade_refused"}, {"text", event.text}};
}

Json fields(const control_event::Upgraded& event) {
  return {{"event", "upgraded"},
          {"from", event.from},
          {"version", event.version},
          {"took_ms", milliseconds(event.took)}};
}

Json fields(const control_event::PoolFailed& event) {
  return {{"event", "pool_failed"},
          {"pool", event.pool},
          {"failures", event.failures},
          {"next_attempt_ms", milliseconds(event.next_attempt)}};
}

Json fields(const control_event::PoolRecovered& event) {
  return {{"event", "pool_recovered"}, {"pool", event.pool}};
}

Json fields(const control_event::PoolStopped& event) {
  return {{"event", "pool_stopped"},
          {"pool", event.pool},
          {"cut", event.cut},
          {"killed", event.killed},
          {"text", event.text}};
}

Json fields(const control_event::Stopped& event) { return {{"event", "stopped"}, {"clean", event.clean}}; }

Json fields(const control_event::AdminDied& event) {
  return {{"event", "admin_died"},
          {"pid", event.pid},
          {"how", kind_name(event.exit.kind)},
          {"value", event.exit.value},
          {"text", event.text},
          {"output", event.output},
          {"next_attempt_ms", milliseconds(event.next_attempt)}};
}

}  // namespace

std::string to_line(const NumberedEvent& event) {
  Json params = {{"seq", event.seq}, {"time", time_text(event.at)}};
  params.update(std::visit([](const auto& specific) { return fields(specific); }, event.event));
  return json_text({{"jsonrpc", "2.0"}, {"method", "event"}, {"params", std::move(params)}}) + '\n';
}

}  // namespace prefork
