// Opens what a pool listens on: binds, listens, and replaces a stale unix socket (no process
// listens on it any more). Close-on-exec, non-blocking for accept; accepted sockets are blocking. Accepts
// nothing itself: Listener does.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "config/config.h"
#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// Owns the file of a unix socket as well. Removes the file when destroyed, unless another ListenSocket has
/// taken it over.
class ListenSocket {
 public:
  [[nodiscard]] static Result<ListenSocket> open(const ListenAddress& address);
  /// A socket that was handed over at start, already listening. Its other owner keeps it: connections that
  /// are in the backlog when we close our copy are for the next server.
  [[nodiscard]] static Result<ListenSocket> activated(const ListenAddress& address, Fd socket);
  /// A second owner of this socket, for `address`, which is at the same place. Connections stay in the
  /// backlog. This owner does not change; the new one is complete after take_over().
  [[nodiscard]] Result<ListenSocket> share(const ListenAddress& address) const;
  /// Takes the file over from `shared_from`. Applies backlog, mode, owner and group of its own address.
  [[nodiscard]] Result<void> take_over(ListenSocket& shared_from);
  /// A socket that listens already, at an upgrade in place; `file`: see file_.
  [[nodiscard]] static ListenSocket adopt(ListenAddress address, Fd socket, ino_t file);
  [[nodiscard]] ino_t file() const { return file_; }
  /// Another ListenSocket has taken over: connections in the backlog are for that one.
  [[nodiscard]] bool given_away() const { return given_away_; }
  /// The socket goes on listening after this owner has closed it.
  [[nodiscard]] bool has_other_owner() const {
    return given_away_ || address_.kind == ListenAddress::Kind::kSystemd;
  }

  ListenSocket(ListenSocket&& other) noexcept
      : address_(std::move(other.address_)),
        file_(std::exchange(other.file_, 0)),
        socket_(std::move(other.socket_)) {}
  ListenSocket& operator=(ListenSocket&&) = delete;
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  ~ListenSocket();

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] const ListenAddress& address() const { return address_; }
  /// The real address: for port 0, with the port that the kernel has chosen.
  [[nodiscard]] std::string name() const;

 private:
  ListenSocket(ListenAddress address, Fd socket) : address_(std::move(address)), socket_(std::move(socket)) {}
  [[nodiscard]] Result<void> bind_tcp();
  [[nodiscard]] Result<void> bind_unix();
  /// `expected`: the inode of the socket's file, if it is known.
  [[nodiscard]] Result<ino_t> set_permissions(std::optional<ino_t> expected) const;
  [[nodiscard]] Result<void> listen() const;

  ListenAddress address_;
  ino_t file_ = 0;  ///< the inode of the unix socket's file that we remove; 0: none
  bool given_away_ = false;
  Fd socket_;
};

}  // namespace prefork
