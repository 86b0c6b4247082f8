#include "supervisor/listen/listen_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "proto/passing.h"
#include "supervisor/listen/socket_file.h"
#include "supervisor/system/tcp_listener.h"

namespace prefork {
namespace {

Error listen_error(const ListenAddress& address, int error, const std::string& advice = "") {
  Error failure = system_error("listen " + address.text(), error);
  if (advice.empty()) return failure;
  return Error{failure.message() + "; " + advice};
}

Error bind_error(const ListenAddress& address, int error) {
  if (error == EACCES && address.kind == ListenAddress::Kind::kTcp && address.port < 1024) {
    return listen_error(address, error, "ports below 1024 need root or CAP_NET_BIND_SERVICE");
  }
  if (error == EADDRINUSE)
    return listen_error(address, error, "something else listens there, or on an address that overlaps");
  if (error == EADDRNOTAVAIL)
    return listen_error(address, error, "no interface of this machine has that address");
  return listen_error(address, error);
}

int open_socket(int family) { return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

void switch_on(int descriptor, int level, int option) {
  const int on = 1;
  (void)::setsockopt(descriptor, level, option, &on, sizeof(on));
}

sockaddr_un unix_address(const ListenAddress& address, socklen_t& size) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const bool abstract = address.kind == ListenAddress::Kind::kUnixAbstract;
  std::memcpy(name.sun_path + (abstract ? 1 : 0), address.path.data(),
              std::min(address.path.size(), sizeof(name.sun_path) - 1));
  // `size` ends an abstract name; a zero byte ends a path.
  size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);
  return name;
}

/// Succeeds when nothing is at the path, or a stale socket, which is removed.
Result<void> clear_path(const ListenAddress& address) {
  struct stat status {};
  if (::lstat(address.path.c_str(), &status) < 0) {
    return errno == ENOENT ? Result<void>() : Result<void>(listen_error(address, errno));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{"listen " + address.text() +
                 ": there is something else at that path, which is not a socket; " +
                 "remove it or choose another path"};
  }
  const Fd probe(open_socket(AF_UNIX));
  if (!probe.valid()) return listen_error(address, errno);
  socklen_t size = 0;
  const sockaddr_un name = unix_address(address, size);
  const bool answered =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0 || errno == EAGAIN;
  if (answered) return bind_error(address, EADDRINUSE);
  if (errno != ECONNREFUSED) return listen_error(address, errno);
  if (::unlink(address.path.c_str()) < 0)
    return listen_error(address, errno, "cannot remove the stale socket");
  return {};
}

/// Held while a path in the directory is checked and bound. Waits a second at most for another holder.
Result<Fd> lock_directory(const ListenAddress& address) {
  const std::size_t slash = address.path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : address.path.substr(0, slash + 1);
  Fd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) return system_error("listen " + address.text() + ": " + directory);
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR)
      return listen_error(address, errno, "cannot lock its directory");
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    (void)::nanosleep(&pause, nullptr);
  }
  return Error{"listen " + address.text() + ": another program holds a lock on " + directory};
}

}  // namespace

Result<ListenSocket> ListenSocket::activated(const ListenAddress& address, Fd socket) {
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) < 0)
    return listen_error(address, errno);
  notice_dead_clients(socket.get());
  (void)refuse_descriptors(socket.get());
  return ListenSocket(address, std::move(socket));
}

Result<ListenSocket> ListenSocket::open(const ListenAddress& address) {
  ListenSocket opened(address, Fd());
  const bool tcp = address.kind == ListenAddress::Kind::kTcp;
  if (auto bound = tcp ? opened.bind_tcp() : opened.bind_unix(); !bound) return bound.error();
  return opened;
}

ListenSocket ListenSocket::adopt(ListenAddress address, Fd socket, ino_t file) {
  ListenSocket adopted(std::move(address), std::move(socket));
  adopted.file_ = file;
  (void)refuse_descriptors(adopted.socket_.get());  // an earlier version has not
  return adopted;
}

Result<ListenSocket> ListenSocket::share(const ListenAddress& address) const {
  ListenSocket shared(address, Fd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0)));
  if (!shared.socket_.valid()) return listen_error(address, errno);
  return shared;
}

Result<void> ListenSocket::take_over(ListenSocket& shared_from) {
  file_ = std::exchange(shared_from.file_, 0);
  shared_from.given_away_ = true;
  if (address_ == shared_from.address_) return {};
  if (address_.kind == ListenAddress::Kind::kUnixPath) {
    if (auto set = set_permissions(file_); !set) return set.error();
  }
  return listen();
}

ListenSocket::~ListenSocket() {
  struct stat status {};
  if (file_ == 0 || ::lstat(address_.path.c_str(), &status) < 0 || status.st_ino != file_) return;
  (void)::unlink(address_.path.c_str());
}

Result<void> ListenSocket::bind_tcp() {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;  // a name has been resolved before
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string all = "::";
  const std::vector<std::string>& resolved = address_.answers.hosts;
  const std::string& host = !resolved.empty()       ? resolved.front()
                            : address_.host.empty() ? all
                                                    : address_.host;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(address_.port).c_str(), &wanted, &found);
  if (failure != 0) return Error{"listen " + address_.text() + ": " + ::gai_strerror(failure)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);

  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(address_.port);
  const auto* target = found->ai_addr;
  socklen_t size = found->ai_addrlen;
  socket_.reset(open_socket(found->ai_family));
  if (!socket_.valid() && address_.host.empty()) {
    // This machine has no IPv6.
    socket_.reset(open_socket(AF_INET));
    target = reinterpret_cast<const sockaddr*>(&any);
    size = sizeof(any);
  }
  if (!socket_.valid()) return listen_error(address_, errno);
  switch_on(socket_.get(), SOL_SOCKET, SO_REUSEADDR);
  if (address_.reuse_port) switch_on(socket_.get(), SOL_SOCKET, SO_REUSEPORT);
  const int only = address_.host.empty() ? 0 : 1;
  if (target->sa_family == AF_INET6) {
    (void)::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  }
  notice_dead_clients(socket_.get());
  if (::bind(socket_.get(), target, size) < 0) return bind_error(address_, errno);
  return listen();
}

Result<void> ListenSocket::bind_unix() {
  socket_.reset(open_socket(AF_UNIX));
  if (!socket_.valid()) return listen_error(address_, errno);
  // Accepted sockets inherit it from the moment at which the client connects. See may_hold_descriptors().
  (void)refuse_descriptors(socket_.get());
  socklen_t size = 0;
  const sockaddr_un name = unix_address(address_, size);
  if (address_.kind == ListenAddress::Kind::kUnixAbstract) {
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), size) < 0)
      return bind_error(address_, errno);
    return listen();
  }
  // Two supervisors that start at the same time must not take each other's new socket for a stale one.
  auto lock = lock_directory(address_);
  if (!lock) return lock.error();
  if (auto cleared = clear_path(address_); !cleared) return cleared;
  // No client may connect before owner and mode are as configured.
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), size);
  const int error = errno;
  ::umask(mask);
  if (bound < 0) return bind_error(address_, error);
  auto file = set_permissions({});
  if (!file) return file.error();
  file_ = file.value();
  return listen();
}

Result<ino_t> ListenSocket::set_permissions(std::optional<ino_t> expected) const {
  const uid_t owner = address_.answers.owner.value_or(static_cast<uid_t>(-1));
  const gid_t group = address_.answers.group.value_or(static_cast<gid_t>(-1));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  auto file = SocketFile::open(address_.path, socket_.get(), expected);
  auto set = file ? file.value().set_owner(owner, group) : Result<void>(file.error());
  if (set) set = file.value().set_mode(address_.mode.value_or(0777 & ~mask));
  if (!set) return Error{"listen " + address_.text() + ": " + set.error().message()};
  return file.value().inode();
}

Result<void> ListenSocket::listen() const {
  if (::listen(socket_.get(), address_.backlog) < 0) return bind_error(address_, errno);
  return {};
}

std::string ListenSocket::name() const {
  if (address_.kind != ListenAddress::Kind::kTcp || address_.port != 0) return address_.text();
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) < 0) return address_.text();
  ListenAddress actual = address_;
  actual.port = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                                  : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return actual.text();
}

}  // namespace prefork
