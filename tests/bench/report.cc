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
      {"p50_ms", tally.percentile(0.5).count()},
      {"p99_ms", tally.percentile(0.99).count()},
      {"p999_ms", tally.percentile(0.999).count()},
      {"max_ms", tally.percentile(1).count()},
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

}  // namespace prefork::bench
