// Which process the kernel kills first when memory runs out.
#pragma once

#include <optional>

namespace prefork {

/// The oom_score_adj of workers whose pool does not set one: 200 above the supervisor's own, at most 1000, so
/// that the kernel kills a worker before the supervisor. Nothing when /proc cannot be read.
[[nodiscard]] std::optional<int> default_oom_score_adj();

}  // namespace prefork
