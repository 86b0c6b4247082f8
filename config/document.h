// JSON text → a document that keeps the order of its keys. Allows comments. Limits on depth, number of values
// and length of keys bound the cost of hostile text; the parser does not recurse. Knows nothing of pools.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "config/problems.h"

namespace prefork {

using Document = nlohmann::ordered_json;

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxValues = 16384;
constexpr std::size_t kMaxElements = 1024;  ///< of one object or array
constexpr std::size_t kMaxKeyBytes = 256;

/// Nothing when the text is not JSON or exceeds a limit. Duplicate keys are problems, too, but leave a
/// document in which the last one counts.
[[nodiscard]] std::optional<Document> parse_document(std::string_view text, Problems& problems);

}  // namespace prefork
