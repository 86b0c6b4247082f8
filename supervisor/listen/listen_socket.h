// Opens what a pool listens on: binds, listens, and replaces a stale unix socket (no process
// listens on it any more). Close-on-exec, non-blocking for accept; accepted sockets are blocking. Accepts
// nothing itself: Listener does.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "config/config.h"
#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/core/ids.h"
#include "supervisor/listen/socket_file.h"

namespace prefork {

/// Owns the file of a unix socket as well. Removes the file when destroyed, unless another ListenSocket has
/// taken it over.
class ListenSocket {
 public:
  /// A host name must have its answer, one at most (see one_per_socket()). `port`: in the place of port 0.
  [[nodiscard]] static Result<ListenSocket> open(const ListenAddress& address, std::uint16_t port = 0);
  /// The same for a TCP address that overlaps those of `own`, such as ":80" and "127.0.0.1:80". All of them
  /// listen until `own` are closed; a connection goes to the one with the more specific address.
  [[nodiscard]] static Result<ListenSocket> open_beside(const std::vector<ListenSocket*>& own,
                                                        const ListenAddress& address, std::uint16_t port);
  /// A socket that was handed over at start, already listening. Its other owner keeps it: connections that
  /// are in the backlog when we close our copy are for the next server.
  [[nodiscard]] static Result<ListenSocket> activated(const ListenAddress& address, Fd socket);
  /// A second owner of this socket, for `address`, which is at the same place. Connections stay in the
  /// backlog. This owner does not change; the new one is complete after take_over().
  [[nodiscard]] Result<ListenSocket> share(const ListenAddress& address) const;
  /// Takes the file over from `shared_from`. Applies backlog, mode, owner and group of its own address.
  [[nodiscard]] Result<void> take_over(ListenSocket& shared_from);
  /// A socket that listens already, at an upgrade in place; `file` as file() was.
  [[nodiscard]] static ListenSocket adopt(ListenAddress address, Fd socket, ino_t file);
  /// The inode of the unix socket's file that this owner removes; 0: none.
  [[nodiscard]] ino_t file() const;
  /// The file of the unix socket was removed: no client can connect. Never waits.
  [[nodiscard]] bool file_is_removed() const;
  /// The same, or something else is at the path. May wait for the file system.
  [[nodiscard]] bool file_is_gone() const;
  /// The socket goes on listening after this owner has closed it: another ListenSocket or systemd has it, and
  /// connections in the backlog are for that one.
  [[nodiscard]] bool has_other_owner() const {
    return given_away_ || address_.kind == ListenAddress::Kind::kSystemd;
  }

  ListenSocket(ListenSocket&& other) noexcept
      : address_(std::move(other.address_)),
        entry_(other.entry_),
        file_(std::exchange(other.file_, NoFile{})),
        socket_(std::move(other.socket_)) {}
  ListenSocket& operator=(ListenSocket&&) = delete;
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  ~ListenSocket();

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] const ListenAddress& address() const { return address_; }
  /// Which listener of its pool it belongs to. One with a host name has a socket for each address.
  [[nodiscard]] ListenerIndex entry() const { return entry_; }
  void set_entry(ListenerIndex entry) { entry_ = entry; }
  /// The real address: the numeric one of a host name; for port 0, the port that the kernel has chosen.
  [[nodiscard]] std::string name() const;
  /// Of a TCP socket.
  [[nodiscard]] std::uint16_t port() const;

 private:
  ListenSocket(ListenAddress address, Fd socket) : address_(std::move(address)), socket_(std::move(socket)) {}
  struct NoFile {};  ///< it has none, or another ListenSocket has it
  struct LostFile {  ///< it was gone from the path when this program took over
    ino_t inode = 0;
  };
  /// Whether it was gone is not known: its directory is closed to this user, or descriptors are short.
  struct UnseenFile {
    ino_t inode = 0;
  };
  using File = std::variant<NoFile, SocketFile, LostFile, UnseenFile>;
  enum class Port { kOwn, kShared };  ///< as its address says; with sockets that overlap it

  /// Looks for the file of the program before.
  [[nodiscard]] File look_for(ino_t inode) const;
  [[nodiscard]] Result<void> bind_tcp(std::uint16_t port, Port use = Port::kOwn);
  void use_port(Port use) const;
  [[nodiscard]] Result<void> bind_unix();
  [[nodiscard]] Result<void> set_permissions(const SocketFile& file) const;
  /// Gives the open socket the owner, the mode and the backlog of its address.
  [[nodiscard]] Result<void> adapt() const;
  [[nodiscard]] Result<void> listen() const;

  ListenAddress address_;
  ListenerIndex entry_ = 0;
  File file_;  ///< of a unix socket; removed when this owner is destroyed
  bool given_away_ = false;
  Fd socket_;
};

/// Whether a socket can be bound to the numeric address. For a host name with several addresses, of which the
/// machine may lack some.
[[nodiscard]] bool is_on_this_machine(const ListenAddress& address);

}  // namespace prefork
