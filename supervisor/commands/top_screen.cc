#include "supervisor/commands/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "proto/counted.h"
#include "proto/joined.h"
#include "supervisor/control/admin_words.h"
#include "supervisor/control/describe.h"
#include "supervisor/control/reload_words.h"
#include "supervisor/control/rollout_words.h"
#include "supervisor/control/worker_columns.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

const Json& member(const Json& object, const char* key) {
  static const Json none;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : none;
}

std::uint64_t number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number() ? value.get<std::uint64_t>() : 0;
}

std::string text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// Of a member that counts milliseconds.
Duration duration(const Json& object, const char* key) {
  const Json& value = member(object, key);
  const std::chrono::duration<double, std::milli> milliseconds(value.is_number() ? value.get<double>() : 0);
  return std::chrono::duration_cast<Duration>(milliseconds);
}

/// The same in words: "3.4 ms".
std::string time(const Json& object, const char* key) { return describe(duration(object, key)); }

/// The element of `list` that has the same `key` as `like`; null when no element has.
const Json& counterpart(const Json& list, const char* key, const Json& like) {
  static const Json none;
  for (const Json& one : list) {
    if (member(one, key) == member(like, key)) return one;
  }
  return none;
}

/// The growth of counters per second between two answers; nothing while it is unknown.
class Rates {
 public:
  Rates(const Json& now, const Json& before, double seconds)
      : now_(&now), before_(&before), seconds_(seconds) {}

  [[nodiscard]] std::optional<double> of(const char* key) const {
    if (!before_->is_object() || seconds_ <= 0 || number(*now_, key) < number(*before_, key)) return {};
    if (member(*now_, key).is_null() != member(*before_, key).is_null()) return {};
    return static_cast<double>(number(*now_, key) - number(*before_, key)) / seconds_;
  }
  /// "1204", "0.5", "-".
  [[nodiscard]] std::string show(const char* key) const {
    const auto rate = of(key);
    if (!rate) return "-";
    return *rate == 0 || *rate >= 10 ? fmt::format("{:.0f}", *rate) : fmt::format("{:.1f}", *rate);
  }

 private:
  const Json* now_;
  const Json* before_;
  double seconds_;
};

/// The counters of failures: shown once they are not 0, and as an alarm while they grow.
constexpr const char* kFailureCounters[] = {"lost",      "gave_up",    "rejected",      "expired",
                                            "discarded", "left",       "silent",        "evicted",
                                            "crashes",   "violations", "start_failures"};

/// A turn of the supervisor's event loop that a client can notice.
constexpr Duration kLongTurn = std::chrono::milliseconds(50);

class Screen {
 public:
  Screen(double seconds, TopOrder order) : seconds_(seconds), order_(order) {}

  void add_supervisor(const Json& status) {
    std::string line =
        fmt::format("supervisor {}, pid {}, up {}, {}", text(status, "version"), number(status, "pid"),
                    time(status, "uptime_ms"), text(status, "config_file"));
    if (member(status, "stopping") == true) line += ", stopping";
    if (member(status, "stop_delay_left_ms").is_number())
      line += " in " + time(status, "stop_delay_left_ms") + ": still serving";
    add(std::move(line), TopLine::Style::kHead);
    if (const auto last = reload_of(status); last && !last->reload.applied) {
      for (std::string& mistake : describe(last->reload, last->ago))
        add(std::move(mistake), TopLine::Style::kAlarm);
    }
    if (const std::string fault = text(status, "log_file_fault"); !fault.empty())
      add("log file: " + fault, TopLine::Style::kAlarm);
    if (const auto admin = admin_of(status); admin && admin->failures > 0)
      add(describe(*admin), TopLine::Style::kAlarm);
    if (member(status, "longest_turn_ms").is_null()) return;
    const bool alarm = duration(status, "longest_turn_last_minute_ms") >= kLongTurn;
    add(fmt::format("loop: longest turn {}, in the last minute {}", time(status, "longest_turn_ms"),
                    time(status, "longest_turn_last_minute_ms")),
        alarm ? TopLine::Style::kAlarm : TopLine::Style::kPlain);
  }

  void add_pool(const Json& pool, const Json& before) {
    add("");
    add_head(pool);
    add_rollout(pool);
    add_traffic(pool, before);
    add_failures(member(pool, "counters"), member(before, "counters"));
    add_workers(member(pool, "workers"), member(before, "workers"));
  }

  [[nodiscard]] std::vector<TopLine> take() { return std::move(lines_); }

 private:
  void add(std::string line, TopLine::Style style = TopLine::Style::kPlain) {
    lines_.push_back({std::move(line), style});
  }

  void add_head(const Json& pool) {
    const std::uint64_t ready = number(pool, "ready");
    const std::uint64_t wanted = number(pool, "wanted");
    const std::uint64_t failures = number(pool, "start_failures");
    std::string line =
        fmt::format("pool {}: {}, {} of {} ready, generation {}", text(pool, "name"), text(pool, "state"),
                    ready, counted(wanted, "worker"), number(pool, "generation"));
    if (!member(pool, "trial").is_null()) line += fmt::format(" ({} on trial)", number(pool, "trial"));
    if (member(pool, "saturated") == true) line += ", saturated";
    if (failures > 0) line += fmt::format(", new workers die ({} in a row)", failures);
    line += "  [" + text(pool, "scoreboard") + "]";
    const bool alarm = failures > 0 || (ready == 0 && wanted > 0);
    add(std::move(line), alarm ? TopLine::Style::kAlarm : TopLine::Style::kHead);
  }

  /// A rollout that is under way or has failed.
  void add_rollout(const Json& pool) {
    const RolloutRead last = rollout_of(pool);
    const RolloutOutcome outcome = last.verdict.outcome;
    if (last.verdict.generation == 0 || outcome == RolloutOutcome::kTookOver ||
        outcome == RolloutOutcome::kAbandoned)
      return;
    add("  rollout: " + describe(last.verdict, last.ago),
        outcome == RolloutOutcome::kFailed ? TopLine::Style::kAlarm : TopLine::Style::kPlain);
  }

  void add_traffic(const Json& pool, const Json& before) {
    const Rates rates(member(pool, "counters"), member(before, "counters"), seconds_);
    const Json& queue = member(pool, "queue");
    const Json& lobby = member(pool, "lobby");
    const Json& busy = member(pool, "busy_time");
    add(fmt::format("  a second: accepted {}, dispatched {}; with workers {}, silent {}, parked {}",
                    rates.show("accepted"), rates.show("dispatched"), number(pool, "with_workers"),
                    number(lobby, "silent"), number(lobby, "parked")));
    add(fmt::format(
        "  queue: now {}, max {}, limit {}; in the last minute: wait p50 {}, p99 {}; busy p50 {}, p99 {}",
        number(queue, "now"), number(queue, "most"), number(queue, "limit"), time(queue, "wait_p50_ms"),
        time(queue, "wait_p99_ms"), time(busy, "p50_ms"), time(busy, "p99_ms")));
  }

  void add_failures(const Json& counters, const Json& before) {
    const Rates rates(counters, before, seconds_);
    std::vector<std::string> parts;
    bool rising = false;
    for (const char* counter : kFailureCounters) {
      if (number(counters, counter) == 0) continue;
      parts.push_back(fmt::format("{} {}", counter, number(counters, counter)));
      if (rates.of(counter).value_or(0) > 0) {
        parts.back() += fmt::format(" ({} a second)", rates.show(counter));
        rising = true;
      }
    }
    if (parts.empty()) return;
    add("  so far: " + joined(parts), rising ? TopLine::Style::kAlarm : TopLine::Style::kPlain);
  }

  void add_workers(const Json& workers, const Json& before) {
    if (workers.empty()) return;
    std::vector<std::pair<const Json*, Rates>> rows;
    for (const Json& worker : workers)
      rows.emplace_back(&worker, Rates(worker, counterpart(before, "worker", worker), seconds_));
    if (order_ == TopOrder::kBusiestFirst) {
      // A worker that is busy with one long connection has served nothing meanwhile.
      const auto business = [](const auto& row) {
        return std::tuple(number(*row.first, "load"), row.second.of("cpu_ms"), row.second.of("served"));
      };
      std::stable_sort(rows.begin(), rows.end(),
                       [&](const auto& a, const auto& b) { return business(a) > business(b); });
    }
    add(worker_titles(ColumnSet::kTop), TopLine::Style::kColumns);
    for (const auto& [worker, rates] : rows) add_worker(*worker, rates);
  }

  static UsageCells usage_of(const Json& worker, const Rates& rates) {
    const bool known = member(worker, "cpu_ms").is_number();
    const auto cpu = known ? rates.of("cpu_ms") : std::nullopt;
    return {.cpu = cpu ? fmt::format("{:.0f}%", *cpu / 10) : "-",
            .rss = known ? describe_bytes(number(worker, "rss_bytes")) : "-"};
  }

  void add_worker(const Json& worker, const Rates& rates) {
    std::string remark = text(worker, "last_death");
    if (const std::string note = text(worker, "note"); !note.empty())
      remark += (remark.empty() ? "" : " / ") + note;
    add(worker_line({.worker = number(worker, "worker"),
                     .pid = static_cast<std::int64_t>(number(worker, "pid")),
                     .is_template = text(worker, "role") == "template",
                     .state = text(worker, "state"),
                     .load = number(worker, "load"),
                     .slots = number(worker, "slots"),
                     .rate = rates.show("served"),
                     .usage = usage_of(worker, rates),
                     .served = number(worker, "served"),
                     .generation = number(worker, "generation"),
                     .age = duration(worker, "age_ms"),
                     .in_state = duration(worker, "in_state_ms"),
                     .restarts = number(worker, "restarts"),
                     .remark = std::move(remark)}));
  }

  double seconds_;
  TopOrder order_;
  std::vector<TopLine> lines_;
};

}  // namespace

std::vector<TopLine> top_screen(const Json& now, const Json& before, std::chrono::nanoseconds between,
                                TopOrder order) {
  static const Json none;
  const bool same =
      member(before, "pid") == member(now, "pid") && number(before, "uptime_ms") <= number(now, "uptime_ms");
  const Json& earlier = same ? member(before, "pools") : none;
  Screen screen(std::chrono::duration<double>(between).count(), order);
  screen.add_supervisor(now);
  for (const Json& pool : member(now, "pools")) screen.add_pool(pool, counterpart(earlier, "name", pool));
  return screen.take();
}

}  // namespace prefork
