#include "supervisor/commands/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "supervisor/control/describe.h"

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

/// "3.4 ms", of a member that counts milliseconds.
std::string time(const Json& object, const char* key) {
  const Json& value = member(object, key);
  const std::chrono::duration<double, std::milli> milliseconds(value.is_number() ? value.get<double>() : 0);
  return describe(std::chrono::duration_cast<Duration>(milliseconds));
}

/// The one of `list` whose `key` says the same as that of `like`; null when there is none.
const Json& counterpart(const Json& list, const char* key, const Json& like) {
  static const Json none;
  for (const Json& one : list) {
    if (member(one, key) == member(like, key)) return one;
  }
  return none;
}

/// How fast something counts up, a second; nothing while that is unknown.
class Rates {
 public:
  Rates(const Json& now, const Json& before, double seconds)
      : now_(&now), before_(&before), seconds_(seconds) {}

  [[nodiscard]] std::optional<double> of(const char* key) const {
    if (!before_->is_object() || seconds_ <= 0 || number(*now_, key) < number(*before_, key)) return {};
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

/// What nobody wants to happen, by the names of the counters.
constexpr const char* kTroubles[] = {"lost",   "gave_up", "rejected", "expired",    "discarded",     "left",
                                     "silent", "evicted", "crashes",  "violations", "start_failures"};

class Screen {
 public:
  Screen(double seconds, TopOrder order) : seconds_(seconds), order_(order) {}

  void add_supervisor(const Json& status) {
    std::string line =
        fmt::format("supervisor {}, pid {}, up {}, {}", text(status, "version"), number(status, "pid"),
                    time(status, "uptime_ms"), text(status, "config_file"));
    if (member(status, "stopping") == true) line += ", stopping";
    add(std::move(line), TopLine::Style::kHead);
  }

  void add_pool(const Json& pool, const Json& before) {
    add("");
    add_head(pool);
    add_traffic(pool, before);
    add_troubles(member(pool, "counters"), member(before, "counters"));
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
    std::string line = fmt::format("pool {}: {}, {} of {} workers ready, generation {}", text(pool, "name"),
                                   text(pool, "state"), ready, wanted, number(pool, "generation"));
    if (!member(pool, "trial").is_null()) line += fmt::format(" ({} on trial)", number(pool, "trial"));
    if (member(pool, "saturated") == true) line += ", saturated";
    if (failures > 0) line += fmt::format(", new workers die ({} in a row)", failures);
    line += "  [" + text(pool, "scoreboard") + "]";
    const bool alarm = failures > 0 || (ready == 0 && wanted > 0);
    add(std::move(line), alarm ? TopLine::Style::kAlarm : TopLine::Style::kHead);
  }

  void add_traffic(const Json& pool, const Json& before) {
    const Rates rates(member(pool, "counters"), member(before, "counters"), seconds_);
    const Json& queue = member(pool, "queue");
    const Json& lobby = member(pool, "lobby");
    const Json& busy = member(pool, "busy_time");
    add(fmt::format("  a second: accepted {}, dispatched {}; with workers {}, silent {}, parked {}",
                    rates.show("accepted"), rates.show("dispatched"), number(pool, "with_workers"),
                    number(lobby, "silent"), number(lobby, "parked")));
    add(fmt::format("  queue: now {}, max {}, limit {}; wait p50 {}, p99 {}; busy p50 {}, p99 {}",
                    number(queue, "now"), number(queue, "most"), number(queue, "limit"),
                    time(queue, "wait_p50_ms"), time(queue, "wait_p99_ms"), time(busy, "p50_ms"),
                    time(busy, "p99_ms")));
  }

  void add_troubles(const Json& counters, const Json& before) {
    const Rates rates(counters, before, seconds_);
    std::string line;
    bool rising = false;
    for (const char* trouble : kTroubles) {
      if (number(counters, trouble) == 0) continue;
      line += fmt::format("{}{} {}", line.empty() ? "  so far: " : ", ", trouble, number(counters, trouble));
      if (rates.of(trouble).value_or(0) > 0) {
        line += fmt::format(" ({} a second)", rates.show(trouble));
        rising = true;
      }
    }
    if (!line.empty()) add(std::move(line), rising ? TopLine::Style::kAlarm : TopLine::Style::kPlain);
  }

  void add_workers(const Json& workers, const Json& before) {
    if (workers.empty()) return;
    std::vector<std::pair<const Json*, Rates>> rows;
    for (const Json& worker : workers)
      rows.emplace_back(&worker, Rates(worker, counterpart(before, "worker", worker), seconds_));
    if (order_ == TopOrder::kBusiestFirst) {
      std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second.of("served"), number(*a.first, "load")) >
               std::pair(b.second.of("served"), number(*b.first, "load"));
      });
    }
    add(fmt::format(kRow, "WORKER", "PID", "STATUS", "LOAD", "SERVED/S", "SERVED", "GEN", "AGE", "IN STATE",
                    "RESTARTS", "LAST DEATH / NOTE"),
        TopLine::Style::kColumns);
    for (const auto& [worker, rates] : rows) add_worker(*worker, rates);
  }

  void add_worker(const Json& worker, const Rates& rates) {
    const bool is_template = text(worker, "role") == "template";
    std::string remark = text(worker, "last_death");
    if (const std::string note = text(worker, "note"); !note.empty())
      remark += (remark.empty() ? "" : " / ") + note;
    const std::uint64_t pid = number(worker, "pid");
    add(fmt::format(kRow, number(worker, "worker"), pid == 0 ? "-" : std::to_string(pid),
                    is_template ? "template" : text(worker, "state"),
                    is_template ? "-" : fmt::format("{}/{}", number(worker, "load"), number(worker, "slots")),
                    rates.show("served"), number(worker, "served"), number(worker, "generation"),
                    time(worker, "age_ms"), time(worker, "in_state_ms"), number(worker, "restarts"), remark));
  }

  static constexpr std::string_view kRow =
      "  {:>6} {:>8} {:<9} {:>9} {:>9} {:>9} {:>4} {:>8} {:>8} {:>8}  {}";

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
