// The methods of the control socket: JSON-RPC 2.0, one request in, one answer out. Knows nothing of sockets;
// the control socket calls it. A new method is one line in the table of methods.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "supervisor/control/operations.h"
#include "supervisor/control/rights.h"
#include "supervisor/control/status_json.h"
#include "supervisor/control/status_table.h"

namespace prefork {

/// The codes of errors: four of JSON-RPC itself, then our own.
enum class ControlError {
  kParse = -32700,
  kInvalidRequest = -32600,
  kUnknownMethod = -32601,
  kInvalidParameters = -32602,
  kRefused = -32000,     ///< valid, but not possible now
  kNotAllowed = -32001,  ///< this user may not connect; the admin process may not do this
  kTooMany = -32002,     ///< too many clients
};

/// The client that has sent the request.
class Caller {
 public:
  virtual ~Caller() = default;
  /// Sends events to this client from now on, after the answer; the kept events with a number above `since`
  /// come first. Returns the number of the latest event so far.
  virtual std::uint64_t subscribe(std::optional<std::uint64_t> since) = 0;
  /// The answer to this request is the verdict of that round of reloads: reload_answer() makes it. `id` is
  /// the JSON text of the request's id.
  virtual void await_reload(std::uint64_t round, const std::string& id) = 0;
  /// What this client may ask for.
  [[nodiscard]] virtual const Rights& rights() const = 0;
  /// It asks for `action` ("restart of pool web") and names its own client, or has limited rights. `denied`:
  /// why it may not; empty: it may. All of this is any text.
  virtual void requests(const std::string& action, const std::string& client, std::string_view denied) = 0;
};

/// The answer to a request, with its newline; empty for a request without an id, which wants no answer, and
/// for one whose answer the caller awaits. Usually it has one piece.
class Answer {
 public:
  using Status = std::variant<StatusJson, StatusTable>;

  explicit Answer(std::string text) : begin_(std::move(text)) {}
  /// `status` stands between the two texts.
  Answer(std::string begin, Status status, std::string end)
      : begin_(std::move(begin)), status_(std::move(status)), end_(std::move(end)) {}

  /// Appends the next piece, which takes less than a millisecond. False: it was the last one.
  [[nodiscard]] bool add_next(std::string& text);

 private:
  std::string begin_;
  std::optional<Status> status_;
  std::string end_;
  bool has_lines_ = false;  ///< a line of the table stands already
};

/// Carries out the request in `line` (without its newline).
[[nodiscard]] Answer answer(std::string_view line, Operations& operations, Caller& caller);

/// The answer to the request with this id.
[[nodiscard]] std::string reload_answer(const std::string& id, const ReloadVerdict& verdict);

/// An error without the id of a request, with its newline.
[[nodiscard]] std::string refusal(ControlError code, const std::string& message);

}  // namespace prefork
