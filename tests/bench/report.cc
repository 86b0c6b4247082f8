#include "tests/bench/report.h"

#include <nlohmann/json.hpp>

namespace prefork::bench {

using Json = nlohmann::ordered_json;

Json to_json(const Tally& tally) {
  return Json{
      {"answered", tally.answered()},
      {"errors", tally.errors()},
      {"refused", tally.count(Outcome::kRefused)},
      {"reset", tally.count(Outcome::kReset)},
      {"unanswered", tally.count(Outcome::kUnanswered)},
      {"timed_out", tally.count(Outcome::kTimedOut)},
      {"turned_away", tally.count(Outcome::kTurnedAway)},
      {"p50_ms", tally.percentile(0.5).count()},
      {"p99_ms", tally.percentile(0.99).count()},
      {"p999_ms", tally.percentile(0.999).count()},
      {"max_ms", tally.percentile(1).count()},
      {"waited_p99_ms", tally.waited(0.99).count()},
  };
}

Json to_json(const ChurnReport& report) {
  Json json = to_json(report.exchanges);
  json["seconds"] = report.elapsed.count();
  json["per_second"] = static_cast<double>(report.exchanges.answered()) / report.elapsed.count();
  return json;
}

Json to_json(const OpenReport& report) {
  return Json{
      {"answered", report.all.answered()}, {"errors", report.all.errors()},
      {"seconds", report.elapsed.count()}, {"peak", report.peak},
      {"all", to_json(report.all)},        {"short", to_json(report.short_ones)},
      {"long", to_json(report.long_ones)},
  };
}

Json to_json(const HttpReport& report) {
  Json phases = Json::array();
  std::size_t answered = 0;
  std::size_t errors = 0;
  for (const PhaseReport& phase : report.phases) {
    answered += phase.all.answered();
    errors += phase.all.errors();
    phases.push_back({
        {"seconds", phase.duration.count()},
        {"per_second", static_cast<double>(phase.all.answered()) / phase.duration.count()},
        {"all", to_json(phase.all)},
        {"short", to_json(phase.short_ones)},
        {"long", to_json(phase.long_ones)},
        {"prompt", to_json(phase.prompt)},
        {"ideal_short", to_json(phase.ideal_short_ones)},
    });
  }
  return Json{
      {"answered", answered},
      {"errors", errors},
      {"clients", report.clients},
      {"connections", report.connections},
      {"least_share",
       report.mean_answered > 0 ? static_cast<double>(report.least_answered) / report.mean_answered : 0},
      {"phases", phases},
  };
}

}  // namespace prefork::bench
