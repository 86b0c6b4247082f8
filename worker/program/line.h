// `supervisor-worker line`: one request in one line, for trying out and measuring pools.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace prefork::worker {

struct LineRequest {
  enum class Kind { kWork, kSleep };
  Kind kind;
  std::chrono::microseconds time;
  bool operator==(const LineRequest&) const = default;
};

/// `W <µs>` or `S <µs>`, without the end of line; at most 60 seconds.
[[nodiscard]] std::optional<LineRequest> parse_line_request(std::string_view line);

/// Reads one line of at most 64 bytes, ended by LF or CR LF. `W <µs>` uses that much CPU time, `S <µs>`
/// sleeps that long; the answer to both is `OK <pid>`. The answer to any other line is `ERR` and the allowed
/// forms.
void line(int socket);

}  // namespace prefork::worker
