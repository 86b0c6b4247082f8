// The screen of the command top as text, made from two answers of the method "status". Knows no terminal.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace prefork {

struct TopLine {
  enum class Style { kPlain, kHead, kColumns, kAlarm };
  std::string text;  ///< UTF-8
  Style style = Style::kPlain;
};

enum class TopOrder { kByNumber, kBusiestFirst };

/// `before` is the answer that came `between` earlier; growing counters are shown as rates since then. With
/// the first answer `before` is null, and rates are unknown. They are unknown, too, when `before` is from
/// another supervisor, or from before a new start.
[[nodiscard]] std::vector<TopLine> top_screen(const nlohmann::ordered_json& now,
                                              const nlohmann::ordered_json& before,
                                              std::chrono::nanoseconds between, TopOrder order);

}  // namespace prefork
