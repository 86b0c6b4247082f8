#include "supervisor/control/status_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "supervisor/control/admin_words.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/json_text.h"
#include "supervisor/control/reload_words.h"
#include "supervisor/control/rollout_words.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

Json of(const Counts& counters) {
  return {{"accepted", counters.accepted},
          {"dispatched", counters.dispatched},
          {"redispatched", counters.redispatched},
          {"parked", counters.parked},
          {"evicted", counters.evicted},
          {"begun", counters.begun},
          {"served", counters.served},
          {"lost", counters.lost},
          {"gave_up", counters.gave_up},
          {"rejected", counters.rejected},
          {"expired", counters.expired},
          {"discarded", counters.discarded},
          {"left", counters.left},
          {"silent", counters.silent},
          {"starts", counters.starts},
          {"start_failures", counters.start_failures},
          {"crashes", counters.crashes},
          {"violations", counters.violations}};
}

Json of(const ListenerStatus& listener) {
  const auto number = [](const std::optional<std::uint32_t>& known) { return known ? Json(*known) : Json(); };
  return {{"address", listener.name},
          {"accepted", listener.accepted},
          {"paused", listener.paused},
          {"file_missing", listener.file_missing},
          {"backlog", number(listener.backlog)},
          {"backlog_limit", number(listener.backlog_limit)}};
}

Json queue_of(const PoolStatus& pool) {
  return {{"now", pool.queued},
          {"most", pool.counters.queue_high},
          {"limit", pool.queue_max},
          {"wait_p50_ms", milliseconds(pool.waits.p50)},
          {"wait_p99_ms", milliseconds(pool.waits.p99)},
          {"wait_max_ms", milliseconds(pool.waits.max)}};
}

Json lobby_of(const PoolStatus& pool) { return {{"silent", pool.silent}, {"parked", pool.parked}}; }

Json busy_of(const Percentiles& times) {
  return {{"p50_ms", milliseconds(times.p50)},
          {"p99_ms", milliseconds(times.p99)},
          {"max_ms", milliseconds(times.max)}};
}

Json of(const TotalTimes& times) {
  Json buckets = Json::array();
  for (std::size_t i = 0; i < times.up_to.size(); ++i)
    buckets.push_back(Json::array({std::uint64_t{1} << i, times.up_to[i]}));
  return {{"count", times.count}, {"sum_us", times.sum_us}, {"buckets", std::move(buckets)}};
}

/// An object of everything that the value carries through an upgrade.
template <typename T>
Json all_of(const T& value) {
  Json object = Json::object();
  T::visit_state(value, [&object](const char* name, const auto& member) { object[name] = member; });
  return object;
}

Json listeners_of(const PoolStatus& pool) {
  Json list = Json::array();
  for (const ListenerStatus& listener : pool.listeners) list.push_back(of(listener));
  return list;
}

Json of(const SlotCount& slots) { return {{"busy", slots.busy}, {"total", slots.total}}; }

/// Without its workers.
Json of(const PoolStatus& pool) {
  return {{"name", pool.name},
          {"state", pool.state},
          {"removed", pool.removed},
          {"accepting", pool.accepting},
          {"saturated", pool.saturated},
          {"configured", pool.configured},
          {"wanted", pool.target},
          {"ready", ready_workers(pool)},
          {"scheduled", pool.scheduled},
          {"start_failures", pool.start_failures},
          {"generation", pool.generation},
          {"trial", pool.trial ? Json(*pool.trial) : Json(nullptr)},
          {"rollout", to_json(pool.rollout, pool.rollout_ago)},
          {"rollouts", all_of(pool.rollouts)},
          {"with_workers", pool.with_workers},
          {"slots", of(slots_of(pool))},
          {"lobby", lobby_of(pool)},
          {"queue", queue_of(pool)},
          {"busy_time", busy_of(pool.busy)},
          {"counters", of(pool.counters)},
          {"deaths", all_of(pool.counters.deaths)},
          {"histograms", {{"queue_wait", of(pool.total_waits)}, {"busy_time", of(pool.total_busy)}}},
          {"scoreboard", scoreboard(pool.cells)},
          {"scoreboard_workers", scoreboard_workers(pool.cells)},
          {"listeners", listeners_of(pool)}};
}

/// Without its pools.
Json of(const SupervisorStatus& status) {
  return {{"version", status.version},
          {"name", status.name},
          {"pid", status.pid},
          {"config_file", status.config_file},
          {"uptime_ms", milliseconds(status.uptime)},
          {"stopping", status.stopping},
          {"stop_delay_left_ms",
           status.stop_delay_left ? Json(milliseconds(*status.stop_delay_left)) : Json(nullptr)},
          {"control_file_missing", status.control_file_missing},
          {"log_file_fault", status.log_file_fault},
          {"strangers_reaped", status.strangers_reaped},
          {"longest_turn_ms", milliseconds(status.longest_turn)},
          {"longest_turn_last_minute_ms", milliseconds(status.longest_turn_lately)},
          {"spawners", status.spawners},
          {"reload", status.reload ? to_json(*status.reload, status.reload_ago) : Json(nullptr)},
          {"reloads", all_of(status.reloads)},
          {"upgrades", all_of(status.upgrades)},
          {"seccomp_from", status.seccomp_from ? Json(*status.seccomp_from) : Json(nullptr)},
          {"admin", status.admin ? to_json(*status.admin) : Json(nullptr)}};
}

/// The text of `object`, open for one more member, which is a list.
std::string with_list(const Json& object, const char* name) {
  std::string text = json_text(object);
  text.back() = ',';
  return text + '"' + name + "\":[";
}

std::string in_json(const std::string& text) { return text.empty() ? R"("")" : json_text(text); }

/// Without a tree of values, which takes five times as long: there are thousands.
void add_worker(const WorkerStatusLine& worker, std::string& text) {
  fmt::format_to(std::back_inserter(text),
                 R"({{"worker":{},"pid":{},"role":"{}","state":"{}","reason":"{}","load":{},)"
                 R"("reported_load":{},"slots":{},"served":{},"generation":{},"age_ms":{},"in_state_ms":{},)"
                 R"("restarts":{},"last_death":{},"note":{}}})",
                 worker.number, worker.pid, role_name(worker.role), state_of(worker),
                 worker.reason == StopReason::kNone ? "" : to_string(worker.reason), worker.load,
                 worker.reported_load, worker.slots, worker.served, worker.generation,
                 milliseconds(worker.age), milliseconds(worker.in_status), worker.restarts,
                 in_json(worker.last_death ? describe(*worker.last_death) : ""), in_json(worker.note));
}

}  // namespace

Json to_json(const WorkerStatusLine& worker) {
  std::string text;
  add_worker(worker, text);
  return Json::parse(text);
}

bool StatusJson::add_next(std::string& text) {
  if (!std::exchange(begun_, true)) {
    text += with_list(of(status_), "pools");
  } else {
    const PoolStatus& pool = status_.pools[pool_];
    if (worker_ == 0 && pool_ > 0) text += ',';
    if (workers_) {
      add_workers(pool, text);
    } else {
      text += json_text(of(pool));
      ++pool_;
    }
  }
  if (pool_ < status_.pools.size()) return true;
  text += "]}";
  return false;
}

void StatusJson::add_workers(const PoolStatus& pool, std::string& text) {
  if (worker_ == 0) text += with_list(of(pool), "workers");
  const std::size_t end = std::min(pool.workers.size(), worker_ + kWorkersAtATime);
  for (; worker_ < end; ++worker_) {
    if (worker_ > 0) text += ',';
    add_worker(pool.workers[worker_], text);
  }
  if (worker_ < pool.workers.size()) return;
  text += "]}";
  ++pool_;
  worker_ = 0;
}

}  // namespace prefork
