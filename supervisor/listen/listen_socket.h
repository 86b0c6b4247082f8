// Opens what a pool listens on: resolves, binds, listens, and takes over the path of a unix socket that
// nobody listens on any more. Close-on-exec, non-blocking for accept; accepted sockets are blocking.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "config/config.h"
#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// A listening socket. Owns the file of a unix socket as well, and removes it at the end unless it was
/// disowned.
class ListenSocket {
 public:
  [[nodiscard]] static Result<ListenSocket> open(const ListenAddress& address);
  /// One that was handed over at start, already listening. It is not ours: what waits in its backlog when we
  /// close it is for whoever serves next.
  [[nodiscard]] static Result<ListenSocket> activated(const ListenAddress& address, Fd socket);
  /// The same socket for `address`, which is at the same place. The backlog's connections stay. Nothing
  /// changes for this one; the new one is whole when it has taken over.
  [[nodiscard]] Result<ListenSocket> share(const ListenAddress& address) const;
  /// Becomes the owner of what `shared_from` owned, with the backlog, mode, owner and group of its own
  /// address.
  [[nodiscard]] Result<void> take_over(ListenSocket& shared_from);
  /// One that listens already, at an upgrade in place; `file` as below.
  [[nodiscard]] static ListenSocket adopt(ListenAddress address, Fd socket, ino_t file);
  [[nodiscard]] ino_t file() const { return file_; }
  /// Another has taken over: what waits in the backlog is for that one.
  [[nodiscard]] bool given_away() const { return given_away_; }
  /// Who connects after we are gone finds somebody who listens.
  [[nodiscard]] bool outlives_us() const {
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
  /// Where it really listens: with the port that the kernel chose for port 0.
  [[nodiscard]] std::string name() const;

 private:
  ListenSocket(ListenAddress address, Fd socket) : address_(std::move(address)), socket_(std::move(socket)) {}
  [[nodiscard]] Result<void> bind_tcp();
  [[nodiscard]] Result<void> bind_unix();
  [[nodiscard]] Result<void> set_permissions() const;
  [[nodiscard]] Result<void> listen() const;

  ListenAddress address_;
  ino_t file_ = 0;  ///< the inode of a unix socket's file that is ours to remove; 0: there is none
  bool given_away_ = false;
  Fd socket_;
};

}  // namespace prefork
