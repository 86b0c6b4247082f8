// The methods of the control socket: JSON-RPC 2.0, one request in, one answer out. Knows nothing of sockets.
// A new method is one line in the table of methods.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/control/operations.h"

namespace prefork {

/// Errors beside those of JSON-RPC itself.
enum class ControlError {
  kParse = -32700,
  kInvalidRequest = -32600,
  kUnknownMethod = -32601,
  kInvalidParameters = -32602,
  kRefused = -32000,     ///< understood, but not possible now
  kNotAllowed = -32001,  ///< not for this user
  kTooMany = -32002,     ///< too many clients
};

/// Who asks.
class Caller {
 public:
  virtual ~Caller() = default;
  /// Wants events from now on, and first those after number `since` that are still known, once the answer is
  /// on its way. The number of the latest event so far.
  virtual std::uint64_t subscribe(std::optional<std::uint64_t> since) = 0;
};

/// Carries out the request in `line` (without its newline). The answer with its newline; empty when none is
/// wanted.
[[nodiscard]] std::string answer(std::string_view line, Operations& operations, Caller& caller);

/// An answer to nobody's request, with its newline.
[[nodiscard]] std::string refusal(ControlError code, const std::string& message);

}  // namespace prefork
