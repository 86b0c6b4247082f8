// The listening sockets of one kind. Accepts a few connections a turn; when descriptors are short, it closes
// an idle connection, or pauses.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/admin/asio.h"
#include "supervisor/admin/connection_table.h"

namespace prefork {

class Listeners {
 public:
  /// `client`: its address, for the log of the supervisor.
  using OnConnection = std::function<void(Stream socket, std::string client)>;

  Listeners(IoContext& io, ConnectionTable& table, OnConnection on_connection);
  ~Listeners();
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

  /// Closes those that it has, and uses these.
  void use(std::vector<Fd> sockets);

 private:
  class One;
  IoContext& io_;
  ConnectionTable& table_;
  OnConnection on_connection_;
  std::vector<std::shared_ptr<One>> sockets_;
};

}  // namespace prefork
