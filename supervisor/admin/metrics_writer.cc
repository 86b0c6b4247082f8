#include "supervisor/admin/metrics_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace prefork {
namespace {

void add_escaped(std::string& text, std::string_view value) {
  for (const char letter : value) {
    if (letter == '\n') {
      text += "\\n";
      continue;
    }
    if (letter == '"' || letter == '\\') text += '\\';
    text += letter;
  }
}

std::string_view kind_name(MetricsWriter::Kind kind, bool open) {
  switch (kind) {
    case MetricsWriter::Kind::kGauge: return "gauge";
    case MetricsWriter::Kind::kCounter: return "counter";
    case MetricsWriter::Kind::kHistogram: return "histogram";
    case MetricsWriter::Kind::kInfo: return open ? "info" : "gauge";
  }
  return "";
}

std::string_view suffix_of(MetricsWriter::Kind kind) {
  switch (kind) {
    case MetricsWriter::Kind::kCounter: return "_total";
    case MetricsWriter::Kind::kInfo: return "_info";
    case MetricsWriter::Kind::kGauge:
    case MetricsWriter::Kind::kHistogram: return "";
  }
  return "";
}

}  // namespace

std::string metric_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> digits{};
  constexpr double kExact = 9007199254740992.0;  // 2^53
  char* const last = digits.data() + digits.size();
  const auto end = std::trunc(value) == value && std::abs(value) < kExact
                       ? std::to_chars(digits.data(), last, static_cast<std::int64_t>(value))
                       : std::to_chars(digits.data(), last, value);
  return {digits.data(), end.ptr};
}

void MetricsWriter::begin(std::string_view name, Kind kind, std::string_view help) {
  name_ = name;
  suffix_ = suffix_of(kind);
  // OpenMetrics names the family without the suffix of its samples.
  const std::string family = open_ ? name_ : name_ + suffix_;
  text_.append("# HELP ").append(family).append(" ").append(help).append("\n# TYPE ");
  text_.append(family).append(" ").append(kind_name(kind, open_)).append("\n");
}

void MetricsWriter::sample(const Labels& labels, double value, std::string_view suffix) {
  text_.append(name_).append(suffix_).append(suffix);
  char before = '{';
  for (const auto& [name, content] : labels) {
    text_ += before;
    text_.append(name).append("=\"");
    add_escaped(text_, content);
    text_ += '"';
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_.append(" ").append(metric_number(value)).append("\n");
}

std::string MetricsWriter::take() {
  if (open_) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace prefork
