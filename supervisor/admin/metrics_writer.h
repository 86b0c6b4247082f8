// Writes metric families in Prometheus' text format 0.0.4 or in OpenMetrics 1.0. It knows nothing of what
// they mean. Each family stands once: begin it, then write its samples.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/admin/accept_header.h"

namespace prefork {

class MetricsWriter {
 public:
  enum class Kind { kGauge, kCounter, kHistogram, kInfo };
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  explicit MetricsWriter(MetricsFormat format) : open_(format == MetricsFormat::kOpenMetrics) {}

  /// `name`: without "_total", "_info" and "_bucket". `help`: a sentence without a newline.
  void begin(std::string_view name, Kind kind, std::string_view help);
  /// `suffix`: of a histogram "_bucket", "_sum" or "_count"; the others have their own.
  void sample(const Labels& labels, double value, std::string_view suffix = "");
  /// The whole text; nothing can follow.
  [[nodiscard]] std::string take();

 private:
  bool open_;
  std::string name_;  ///< of the family that was begun
  std::string suffix_;
  std::string text_;
};

/// As both formats write it: whole numbers without a point, others as short as they can be read back.
[[nodiscard]] std::string metric_number(double value);

}  // namespace prefork
