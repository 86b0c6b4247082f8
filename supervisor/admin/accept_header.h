// The choice between the two formats of the metrics by the header Accept (RFC 9110, 12.5.1).
#pragma once

#include <string_view>

namespace prefork {

enum class MetricsFormat { kText, kOpenMetrics };

/// OpenMetrics only where it is named with a greater weight than text/plain, which is what Prometheus sends.
/// What is equal or not understood gets text.
[[nodiscard]] MetricsFormat metrics_format(std::string_view accept);

[[nodiscard]] constexpr const char* content_type(MetricsFormat format) {
  return format == MetricsFormat::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                               : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace prefork
