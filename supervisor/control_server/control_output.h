// What waits to be sent to a client of the control socket: text, and at most one line that descriptors go
// with. ControlConnection owns it, and bounds it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"

namespace prefork {

class ControlOutput {
 public:
  enum class Sent { kAll, kSome, kFailed };

  void append(std::string_view text) { text_.append(text); }
  /// The descriptors go with the next text. False: those before are still here.
  [[nodiscard]] bool pass_with_next(std::vector<Fd> descriptors);
  /// Sends what the socket takes. Never waits.
  [[nodiscard]] Sent send_to(int socket);
  /// Bytes that wait.
  [[nodiscard]] std::size_t size() const { return text_.size(); }

 private:
  struct Passing {
    std::size_t begin = 0;  ///< of its line in text_
    std::vector<Fd> descriptors;
  };

  /// Sends what waits from `begin` on, up to a line with descriptors, or that line. As send(2).
  [[nodiscard]] ssize_t send_some(int socket, std::size_t begin);

  std::string text_;
  std::optional<Passing> passing_;  ///< until the beginning of its line is sent
};

}  // namespace prefork
