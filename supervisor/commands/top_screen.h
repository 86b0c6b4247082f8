// What the command top shows, as text: made from two answers of the method "status", without a terminal.
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

/// `before` is the answer that came `between` earlier; what counts up is shown as a rate since then. It is
/// null at the first one, and rates are unknown. Of another supervisor, or of one that has started anew
/// since, it does not count either.
[[nodiscard]] std::vector<TopLine> top_screen(const nlohmann::ordered_json& now,
                                              const nlohmann::ordered_json& before,
                                              std::chrono::nanoseconds between, TopOrder order);

}  // namespace prefork
