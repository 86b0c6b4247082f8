#include "supervisor/admin/accept_header.h"

#include <doctest/doctest.h>

namespace prefork {
namespace {

bool open_metrics(std::string_view accept) { return metrics_format(accept) == MetricsFormat::kOpenMetrics; }

TEST_CASE("OpenMetrics is sent to those that prefer it") {
  CHECK(open_metrics("application/openmetrics-text"));
  CHECK(open_metrics("application/openmetrics-text; version=1.0.0; charset=utf-8"));
  CHECK(open_metrics("Application/OpenMetrics-Text;q=0.9 , text/plain;q=0.5"));
  // What Prometheus 2.42 sends.
  CHECK(open_metrics(
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
  CHECK(open_metrics("application/openmetrics-text, */*;q=0.1"));
}

TEST_CASE("everything else gets text") {
  CHECK_FALSE(open_metrics(""));
  CHECK_FALSE(open_metrics("*/*"));
  CHECK_FALSE(open_metrics("text/plain"));
  CHECK_FALSE(open_metrics("text/plain, application/openmetrics-text"));
  CHECK_FALSE(open_metrics("application/openmetrics-text;q=0.2, text/plain;q=0.5"));
  CHECK_FALSE(open_metrics("application/openmetrics-text;q=0"));
  CHECK_FALSE(open_metrics("application/openmetrics-text; version=2.0.0"));
  CHECK_FALSE(open_metrics("application/openmetrics-text;q=nonsense"));
  CHECK_FALSE(open_metrics("application/openmetrics-text;q=7"));
  CHECK_FALSE(open_metrics(",,;;q=,;"));
}

TEST_CASE("a type that is named counts before a range") {
  CHECK(open_metrics("*/*, text/plain;q=0.1, application/openmetrics-text;q=0.5"));
}

}  // namespace
}  // namespace prefork
