#include "supervisor/admin/target.h"

#include <charconv>

namespace prefork {
namespace {

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[at] != '%') {
      decoded += text[at];
    } else {
      const std::string_view digits = text.substr(at + 1, 2);
      unsigned value = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      if (digits.size() != 2 || error != std::errc() || end != digits.data() + 2) return std::nullopt;
      decoded += static_cast<char>(value);
      at += 2;
    }
  }
  return decoded;
}

bool add_parameter(std::string_view text, std::map<std::string, std::string>& query) {
  const std::size_t equals = text.find('=');
  const auto name = percent_decoded(text.substr(0, equals), true);
  const auto value =
      percent_decoded(equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1), true);
  if (!name || !value) return false;
  query.emplace(*name, *value);
  return true;
}

}  // namespace

bool Target::flag(const std::string& name, bool fallback) const {
  const auto found = query.find(name);
  return found == query.end() ? fallback : found->second != "0" && found->second != "false";
}

std::optional<Target> read_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return std::nullopt;
  const std::size_t mark = target.find('?');
  auto path = percent_decoded(target.substr(0, mark), false);
  if (!path) return std::nullopt;
  Target read{std::move(*path), {}};
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view parameter = rest.substr(0, end);
    if (!parameter.empty() && !add_parameter(parameter, read.query)) return std::nullopt;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return read;
}

}  // namespace prefork
