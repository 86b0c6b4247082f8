// The control socket of a supervisor whose configuration names none: makes the runtime directory and opens
// the socket there. The place is decided once, when the supervisor starts: later it may be another user.
#pragma once

#include <string>

#include "proto/result.h"
#include "supervisor/listen/listen_socket.h"

namespace prefork {

class DefaultControl {
 public:
  /// `config_file`: empty when the configuration was given at the start.
  explicit DefaultControl(const std::string& config_file);
  /// Of a supervisor that has decided it before an upgrade in place; empty: an earlier version has not.
  void adopt(const std::string& path);
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Waits for nothing but the file system. At the first call, removes the sockets in the directory that no
  /// process listens at any more.
  [[nodiscard]] Result<ListenSocket> open();

 private:
  std::string path_;
  bool swept_ = false;
};

}  // namespace prefork
