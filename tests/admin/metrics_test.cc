#include "supervisor/admin/metrics.h"

#include <doctest/doctest.h>

#include <set>
#include <sstream>
#include <string>

#include "supervisor/admin/metrics_writer.h"
#include "tests/admin/samples.h"

namespace prefork {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

/// What stands twice among the names of families and among the samples.
std::set<std::string> repeated(const std::string& text) {
  std::set<std::string> seen;
  std::set<std::string> twice;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.starts_with('#') ? line.find(' ', 7) : line.rfind(' '));
    if (!seen.insert(name).second) twice.insert(name);
  }
  return twice;
}

TEST_CASE("figures of the status have their samples") {
  const std::string text = metrics_text(sample_status(), {.start_time = 1000.5});
  for (const char* line : {
           R"(supervisor_build_info{version="1.2.3"} 1)",
           "supervisor_start_time_seconds 1000.5",
           "# TYPE supervisor_reloads_total counter",
           R"(supervisor_reloads_total{outcome="applied"} 3)",
           "supervisor_event_loop_longest_turn_seconds 0.0125",
           R"(supervisor_pool_queue_limit_connections{pool="web"} 16)",
           R"(supervisor_pool_slots_busy{pool="web"} 2)",
           R"(supervisor_pool_workers{pool="web",state="idle"} 2)",
           R"(supervisor_pool_lobby_connections{pool="web",state="parked"} 5)",
           R"(supervisor_pool_connections_accepted_total{pool="web"} 100)",
           R"(supervisor_pool_connections_ended_total{pool="web",how="lost"} 1)",
           R"(supervisor_pool_worker_deaths_total{pool="web",cause="exited"} 2)",
           R"(supervisor_pool_queue_wait_seconds_bucket{pool="web",le="0.000256"} 1)",
           R"(supervisor_pool_queue_wait_seconds_bucket{pool="web",le="+Inf"} 4)",
           R"(supervisor_pool_queue_wait_seconds_sum{pool="web"} 0.0015)",
           R"(supervisor_pool_queue_wait_seconds_count{pool="web"} 4)",
           R"(supervisor_listener_backlog_connections{pool="web",listener="127.0.0.1:80"} 7)",
       }) {
    CHECK_MESSAGE(has_line(text, line), line);
  }
  CHECK(text.find("EOF") == std::string::npos);
}

TEST_CASE("OpenMetrics names a family without its samples' suffix, and ends with EOF") {
  const std::string text = metrics_text(sample_status(), {.format = MetricsFormat::kOpenMetrics});
  CHECK(has_line(text, "# TYPE supervisor_reloads counter"));
  CHECK(has_line(text, R"(supervisor_reloads_total{outcome="applied"} 3)"));
  CHECK(has_line(text, "# TYPE supervisor_build info"));
  CHECK(text.ends_with("\n# EOF\n"));
}

TEST_CASE("no family and no sample stands twice") {
  Json removed = sample_pool();
  removed["removed"] = true;
  removed["ready"] = 1;
  Json pool = sample_pool();
  pool["listeners"].push_back(pool["listeners"][0]);
  pool["workers"] = Json::parse(R"([{"worker": 1, "state": "idle"}, {"worker": 2, "state": "busy"}])");
  const std::string text = metrics_text(sample_status({removed, pool, sample_pool("b")}), {.workers = true});
  CHECK(repeated(text).empty());
  CHECK(has_line(text, R"(supervisor_pool_workers_ready{pool="web"} 4)"));
  CHECK(has_line(text, R"(supervisor_worker_state{pool="web",worker="2",state="busy"} 1)"));
}

TEST_CASE("workers have no samples unless they are wanted") {
  CHECK(metrics_text(sample_status(), {}).find("supervisor_worker_") == std::string::npos);
}

TEST_CASE("labels are escaped") {
  MetricsWriter out(MetricsFormat::kText);
  out.begin("x", MetricsWriter::Kind::kGauge, "Help.");
  out.sample({{"label", "a\"b\\c\nd"}}, 1);
  CHECK(out.take() == "# HELP x Help.\n# TYPE x gauge\nx{label=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST_CASE("numbers are written exactly") {
  CHECK(metric_number(0) == "0");
  CHECK(metric_number(1e6) == "1000000");
  CHECK(metric_number(0.25) == "0.25");
  CHECK(metric_number(-3) == "-3");
  CHECK(metric_number(1e-6) == "1e-06");
  CHECK(metric_number(1e300 * 1e300) == "+Inf");
}

TEST_CASE("a status that says nothing has no samples of it, and all families") {
  const std::string text = metrics_text(Json::object(), {});
  CHECK(has_line(text, "# TYPE supervisor_pool_workers gauge"));
  CHECK(text.find("{pool") == std::string::npos);
}

}  // namespace
}  // namespace prefork
