#include "supervisor/admin/accept_header.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

namespace prefork {
namespace {

/// Cuts off and returns what stands before `mark`, without spaces around it, in lower case.
std::string cut(std::string_view& rest, char mark) {
  const std::size_t end = std::min(rest.find(mark), rest.size());
  std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  while (!part.empty() && (part.front() == ' ' || part.front() == '\t')) part.remove_prefix(1);
  while (!part.empty() && (part.back() == ' ' || part.back() == '\t')) part.remove_suffix(1);
  std::string lowered(part);
  for (char& letter : lowered) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return lowered;
}

/// A weight that cannot be read is 0.
double weight_of(std::string_view text) {
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && weight >= 0 && weight <= 1 ? weight : 0;
}

struct Offer {
  std::string type;
  double weight = 1;
  bool other_version = false;
};

Offer read_offer(std::string_view item) {
  Offer offer;
  offer.type = cut(item, ';');
  while (!item.empty()) {
    const std::string parameter = cut(item, ';');
    if (parameter.starts_with("q=")) offer.weight = weight_of(std::string_view(parameter).substr(2));
    if (parameter.starts_with("version=")) {
      const std::string_view version = std::string_view(parameter).substr(8);
      offer.other_version = version != "1.0.0" && version != "\"1.0.0\"";
    }
  }
  return offer;
}

}  // namespace

MetricsFormat metrics_format(std::string_view accept) {
  double open = 0;
  double text = 0;
  double named_text = -1;
  while (!accept.empty()) {
    const std::size_t end = std::min(accept.find(','), accept.size());
    const Offer offer = read_offer(accept.substr(0, end));
    accept.remove_prefix(std::min(end + 1, accept.size()));
    if (offer.type == "application/openmetrics-text" && !offer.other_version)
      open = std::max(open, offer.weight);
    if (offer.type == "text/plain") named_text = std::max(named_text, offer.weight);
    if (offer.type == "text/*" || offer.type == "*/*") text = std::max(text, offer.weight);
  }
  // A type that is named counts before a range.
  return open > (named_text >= 0 ? named_text : text) ? MetricsFormat::kOpenMetrics : MetricsFormat::kText;
}

}  // namespace prefork
