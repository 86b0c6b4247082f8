#include "supervisor/admin/metrics.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

#include "supervisor/admin/metrics_writer.h"
#include "supervisor/admin/present_pools.h"
#include "supervisor/admin/worker_metrics.h"

namespace prefork {
namespace {

using Kind = MetricsWriter::Kind;

/// A member of a pool, perhaps inside another one.
struct PoolFigure {
  const char* name;
  Kind kind;
  const char* within;  ///< null: the pool itself
  const char* key;
  const char* help;
};

constexpr std::array kPoolFigures = {
    PoolFigure{"supervisor_pool_queue_connections", Kind::kGauge, "queue", "now",
               "Connections that wait for a worker."},
    PoolFigure{"supervisor_pool_queue_limit_connections", Kind::kGauge, "queue", "limit",
               "The limit of the queue."},
    PoolFigure{"supervisor_pool_with_workers_connections", Kind::kGauge, nullptr, "with_workers",
               "Connections that workers have."},
    PoolFigure{"supervisor_pool_slots", Kind::kGauge, "slots", "total",
               "Slots of the workers that are ready."},
    PoolFigure{"supervisor_pool_slots_busy", Kind::kGauge, "slots", "busy", "Slots that are taken."},
    PoolFigure{
        "supervisor_pool_saturated", Kind::kGauge, nullptr, "saturated",
        "1: a connection waits because no worker has room, or did so within the last tenth of a second."},
    PoolFigure{"supervisor_pool_accepting", Kind::kGauge, nullptr, "accepting",
               "1: the pool accepts connections."},
    PoolFigure{"supervisor_pool_workers_configured", Kind::kGauge, nullptr, "configured",
               "Workers in the configuration."},
    PoolFigure{"supervisor_pool_workers_wanted", Kind::kGauge, nullptr, "wanted",
               "Workers that there are to be now."},
    PoolFigure{"supervisor_pool_workers_ready", Kind::kGauge, nullptr, "ready", "Workers that are ready."},
    PoolFigure{"supervisor_pool_start_failures_in_a_row", Kind::kGauge, nullptr, "start_failures",
               "Starts that have failed since a worker was of use."},
    PoolFigure{"supervisor_pool_generation", Kind::kGauge, nullptr, "generation", "The generation in force."},
    PoolFigure{"supervisor_pool_connections_accepted", Kind::kCounter, "counters", "accepted",
               "Connections accepted."},
    PoolFigure{"supervisor_pool_connections_dispatched", Kind::kCounter, "counters", "dispatched",
               "Connections and requests handed to a worker, repeats included."},
    PoolFigure{"supervisor_pool_connections_redispatched", Kind::kCounter, "counters", "redispatched",
               "Connections taken back for another worker."},
    PoolFigure{"supervisor_pool_connections_begun", Kind::kCounter, "counters", "begun",
               "Connections and requests that a worker has begun."},
    PoolFigure{"supervisor_pool_connections_parked", Kind::kCounter, "counters", "parked",
               "Connections given back after an answer, each time."},
    PoolFigure{"supervisor_pool_connections_evicted", Kind::kCounter, "counters", "evicted",
               "Connections ended in the lobby to make room."},
    PoolFigure{"supervisor_pool_worker_starts", Kind::kCounter, "counters", "starts", "Starts of workers."},
    PoolFigure{"supervisor_pool_worker_start_failures", Kind::kCounter, "counters", "start_failures",
               "Starts that failed, and deaths before a worker was of use."},
    PoolFigure{"supervisor_pool_worker_crashes", Kind::kCounter, "counters", "crashes",
               "Unplanned deaths of workers that had been of use."},
    PoolFigure{"supervisor_pool_worker_violations", Kind::kCounter, "counters", "violations",
               "Workers that broke the protocol."},
};

/// How a connection can end; each is a counter of the pool.
constexpr std::array kEnds = {"served",  "lost",      "gave_up", "rejected",
                              "expired", "discarded", "left",    "silent"};

struct WorkerLetter {
  char letter;
  const char* state;
};
constexpr std::array kLetters = {WorkerLetter{'_', "idle"},      WorkerLetter{'B', "busy"},
                                 WorkerLetter{'S', "starting"},  WorkerLetter{'D', "draining"},
                                 WorkerLetter{'K', "signalled"}, WorkerLetter{'T', "template"},
                                 WorkerLetter{'Z', "stopped"}};

/// Numbers and booleans; nothing: the supervisor does not say it.
bool has_figure(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number() || value.is_boolean();
}
double figure(const Json& object, const char* key) { return is_true(object, key) ? 1 : number(object, key); }

class StatusMetrics {
 public:
  StatusMetrics(const Json& status, MetricsWriter& out)
      : status_(status), pools_(present_pools(status)), out_(out) {}

  void add_supervisor(double start_time) {
    out_.begin("supervisor_build", Kind::kInfo, "The version of the supervisor.");
    out_.sample({{"version", text(status_, "version")}}, 1);
    single("supervisor_start_time_seconds",
           "When the supervisor started, in unix time; an upgrade in place keeps it.", start_time);
    single("supervisor_uptime_seconds", "Since the supervisor started.", number(status_, "uptime_ms") / 1000);
    single("supervisor_stopping", "1: the supervisor is stopping.", figure(status_, "stopping"));
    single("supervisor_stop_delay_left_seconds",
           "How long connections are still accepted before the stop begins; 0: no such delay is under way.",
           number(status_, "stop_delay_left_ms") / 1000);
    single("supervisor_event_loop_longest_turn_seconds",
           "The longest turn of the event loop since the start.", number(status_, "longest_turn_ms") / 1000);
    single("supervisor_event_loop_longest_turn_last_minute_seconds",
           "The longest turn of the event loop within the last minute.",
           number(status_, "longest_turn_last_minute_ms") / 1000);
    const Json& reload = member(status_, "reload");
    single("supervisor_last_reload_successful", "0: the last reload was refused.",
           reload.is_object() && !is_true(reload, "applied") ? 0 : 1);
    out_.begin("supervisor_strangers_reaped", Kind::kCounter,
               "Processes that workers left behind and that have ended.");
    out_.sample({}, number(status_, "strangers_reaped"));
    by_outcome("supervisor_reloads", "Reloads of the configuration.", member(status_, "reloads"));
    by_outcome("supervisor_upgrades", "Upgrades in place.", member(status_, "upgrades"));
  }

  void add_pools() {
    for (const PoolFigure& one : kPoolFigures) add_figure(one);
    add_ends();
    add_workers_by_state();
    add_lobby();
    add_map("supervisor_pool_worker_deaths", "deaths", "cause", "Deaths of workers by cause.");
    add_map("supervisor_pool_rollouts", "rollouts", "outcome", "Rollouts by outcome.");
    add_rollout();
    add_histogram("supervisor_pool_queue_wait_seconds", "queue_wait",
                  "Time in the queue, of what was handed to a worker.");
    add_histogram("supervisor_pool_busy_time_seconds", "busy_time",
                  "Time that a worker took for a connection or request.");
  }

  void add_listeners() {
    listener_figure("supervisor_listener_connections_accepted", Kind::kCounter, "accepted",
                    "Connections accepted.");
    listener_figure("supervisor_listener_backlog_connections", Kind::kGauge, "backlog",
                    "Connections that wait in the kernel.");
    listener_figure("supervisor_listener_backlog_limit_connections", Kind::kGauge, "backlog_limit",
                    "The limit of the backlog.");
    listener_figure("supervisor_listener_paused", Kind::kGauge, "paused",
                    "1: accepting pauses, descriptors or memory are short.");
    listener_figure("supervisor_listener_file_missing", Kind::kGauge, "file_missing",
                    "1: the file of the unix socket was removed.");
  }

 private:
  void single(std::string_view name, std::string_view help, double value) {
    out_.begin(name, Kind::kGauge, help);
    out_.sample({}, value);
  }

  void by_outcome(std::string_view name, std::string_view help, const Json& counts) {
    if (!counts.is_object()) return;
    out_.begin(name, Kind::kCounter, help);
    for (const auto& [outcome, count] : counts.items()) {
      if (count.is_number()) out_.sample({{"outcome", outcome}}, count.get<double>());
    }
  }

  void add_figure(const PoolFigure& one) {
    out_.begin(one.name, one.kind, one.help);
    for (const Json* at : pools_) {
      const Json& pool = *at;
      const Json& object = one.within == nullptr ? pool : member(pool, one.within);
      if (has_figure(object, one.key)) out_.sample({{"pool", text(pool, "name")}}, figure(object, one.key));
    }
  }

  void add_ends() {
    out_.begin("supervisor_pool_connections_ended", Kind::kCounter,
               "Connections that have ended, by how; served is what ended well.");
    for (const Json* at : pools_) {
      const Json& pool = *at;
      for (const char* end : kEnds)
        out_.sample({{"pool", text(pool, "name")}, {"how", end}}, number(member(pool, "counters"), end));
    }
  }

  void add_workers_by_state() {
    out_.begin("supervisor_pool_workers", Kind::kGauge, "Workers by state.");
    for (const Json* at : pools_) {
      const Json& pool = *at;
      const std::string board = text(pool, "scoreboard");
      for (const WorkerLetter& one : kLetters) {
        const auto count = std::count(board.begin(), board.end(), one.letter);
        out_.sample({{"pool", text(pool, "name")}, {"state", one.state}}, static_cast<double>(count));
      }
    }
  }

  void add_lobby() {
    out_.begin("supervisor_pool_lobby_connections", Kind::kGauge,
               "Connections in the lobby: silent have sent nothing yet, parked have been answered.");
    for (const Json* at : pools_) {
      const Json& pool = *at;
      for (const char* state : {"silent", "parked"})
        out_.sample({{"pool", text(pool, "name")}, {"state", state}}, number(member(pool, "lobby"), state));
    }
  }

  /// A member that is an object of counters.
  void add_map(std::string_view name, const char* key, std::string_view label, std::string_view help) {
    out_.begin(name, Kind::kCounter, help);
    for (const Json* at : pools_) {
      const Json& pool = *at;
      const Json& counts = member(pool, key);
      if (!counts.is_object()) continue;
      for (const auto& [value, count] : counts.items()) {
        if (count.is_number())
          out_.sample({{"pool", text(pool, "name")}, {label, value}}, count.get<double>());
      }
    }
  }

  void add_rollout() {
    out_.begin("supervisor_pool_last_rollout_successful", Kind::kGauge, "0: the last rollout has failed.");
    for (const Json* pool : pools_) {
      out_.sample({{"pool", text(*pool, "name")}},
                  text(member(*pool, "rollout"), "outcome") == "failed" ? 0 : 1);
    }
  }

  void add_histogram(std::string_view name, const char* key, std::string_view help) {
    out_.begin(name, Kind::kHistogram, help);
    for (const Json* at : pools_) {
      const Json& pool = *at;
      const Json& histogram = member(member(pool, "histograms"), key);
      if (!histogram.is_object()) continue;
      const std::string pool_name = text(pool, "name");
      for (const Json& bucket : member(histogram, "buckets")) {
        if (!bucket.is_array() || bucket.size() != 2 || !bucket[0].is_number() || !bucket[1].is_number())
          continue;
        const std::string edge = metric_number(bucket[0].get<double>() / 1e6);
        out_.sample({{"pool", pool_name}, {"le", edge}}, bucket[1].get<double>(), "_bucket");
      }
      out_.sample({{"pool", pool_name}, {"le", "+Inf"}}, number(histogram, "count"), "_bucket");
      out_.sample({{"pool", pool_name}}, number(histogram, "sum_us") / 1e6, "_sum");
      out_.sample({{"pool", pool_name}}, number(histogram, "count"), "_count");
    }
  }

  void listener_figure(std::string_view name, Kind kind, const char* key, std::string_view help) {
    out_.begin(name, kind, help);
    for (const Json* at : pools_) {
      const Json& pool = *at;
      std::set<std::string> seen;  // a sample twice would make the whole scrape fail
      for (const Json& listener : member(pool, "listeners")) {
        if (!has_figure(listener, key) || !seen.insert(text(listener, "address")).second) continue;
        out_.sample({{"pool", text(pool, "name")}, {"listener", text(listener, "address")}},
                    figure(listener, key));
      }
    }
  }

  const Json& status_;
  std::vector<const Json*> pools_;
  MetricsWriter& out_;
};

}  // namespace

std::string metrics_text(const Json& status, const MetricsWanted& wanted) {
  MetricsWriter out(wanted.format);
  StatusMetrics metrics(status, out);
  metrics.add_supervisor(wanted.start_time);
  metrics.add_pools();
  metrics.add_listeners();
  if (wanted.workers) add_worker_metrics(status, out);
  return out.take();
}

}  // namespace prefork
