#include "supervisor/listen/listen_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "proto/passing.h"
#include "supervisor/listen/bind_check.h"
#include "supervisor/listen/stale_socket.h"
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
  const bool no_file = error == ENOENT || error == ENOTDIR || error == EACCES || error == EROFS;
  if (address.kind == ListenAddress::Kind::kUnixPath && no_file)
    return Error{"listen " + address.text() + ": " + directory_fault(address.path, error)};
  if (error == EADDRINUSE)
    return listen_error(address, error,
                        "another process listens there, or at an address that overlaps; stop that "
                        "process, or choose another address");
  if (error == EADDRNOTAVAIL)
    return listen_error(address, error, "no interface of this machine has that address; correct it");
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

/// The numeric address that a TCP socket is bound to; empty: it is none.
std::string bound_host(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  char text[NI_MAXHOST] = "";
  auto* name = reinterpret_cast<sockaddr*>(&bound);
  const bool known = ::getsockname(socket, name, &size) == 0 &&
                     ::getnameinfo(name, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
  return known ? text : "";
}

using AddressList = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

/// The socket address of a numeric host; an empty host is all addresses.
Result<AddressList> numeric_address(const ListenAddress& address, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;  // a name has been resolved before
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = numeric_host(address).empty() ? "::" : numeric_host(address);
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failure != 0) return Error{"listen " + address.text() + ": " + ::gai_strerror(failure)};
  return AddressList(found, ::freeaddrinfo);
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

Result<ListenSocket> ListenSocket::open(const ListenAddress& address, std::uint16_t port) {
  ListenSocket opened(address, Fd());
  const bool tcp = address.kind == ListenAddress::Kind::kTcp;
  if (auto bound = tcp ? opened.bind_tcp(port == 0 ? address.port : port) : opened.bind_unix(); !bound)
    return bound.error();
  return opened;
}

Result<ListenSocket> ListenSocket::open_beside(const std::vector<ListenSocket*>& own,
                                               const ListenAddress& address, std::uint16_t port) {
  // The kernel lets sockets of one user share a port if each allows it at the moment of bind().
  for (const ListenSocket* one : own) one->use_port(Port::kShared);
  ListenSocket opened(address, Fd());
  auto bound = opened.bind_tcp(port == 0 ? address.port : port, Port::kShared);
  for (const ListenSocket* one : own) one->use_port(Port::kOwn);
  if (!bound) return bound.error();
  opened.use_port(Port::kOwn);
  return opened;
}

void ListenSocket::use_port(Port use) const {
  const int shared = use == Port::kShared || address_.reuse_port ? 1 : 0;
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEPORT, &shared, sizeof(shared));  // else bind() fails
}

ListenSocket ListenSocket::adopt(ListenAddress address, Fd socket, ino_t file) {
  if (address.kind == ListenAddress::Kind::kTcp && !address.host.empty() && !is_numeric_host(address.host))
    address.answers.hosts = {bound_host(socket.get())};
  ListenSocket adopted(std::move(address), std::move(socket));
  if (file != 0) adopted.file_ = adopted.look_for(file);
  (void)refuse_descriptors(adopted.socket_.get());  // an earlier version has not
  return adopted;
}

Result<ListenSocket> ListenSocket::share(const ListenAddress& address) const {
  ListenSocket shared(address, Fd(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0)));
  if (!shared.socket_.valid()) return listen_error(address, errno);
  return shared;
}

ListenSocket::File ListenSocket::look_for(ino_t inode) const {
  auto found = SocketFile::open(address_.path, socket_.get(), inode);
  if (found) return std::move(found).value();
  const std::error_code why = found.error().code;  // none: another file is there
  if (!why || why.value() == ENOENT || why.value() == ENOTDIR) return LostFile{inode};
  return UnseenFile{inode};
}

ino_t ListenSocket::file() const {
  if (const auto* file = std::get_if<SocketFile>(&file_)) return file->inode();
  if (const auto* file = std::get_if<LostFile>(&file_)) return file->inode;
  if (const auto* file = std::get_if<UnseenFile>(&file_)) return file->inode;
  return 0;
}

Result<void> ListenSocket::take_over(ListenSocket& shared_from) {
  file_ = std::exchange(shared_from.file_, NoFile{});
  if (const auto* unseen = std::get_if<UnseenFile>(&file_)) file_ = look_for(unseen->inode);
  shared_from.given_away_ = true;
  if (address_ == shared_from.address_) return {};
  auto adapted = adapt();
  // What is not in force yet is tried again by the next reload.
  if (!adapted) address_ = shared_from.address_;
  return adapted;
}

Result<void> ListenSocket::adapt() const {
  // Without its file there is nothing to set them on: what is at the path is another's.
  if (address_.kind == ListenAddress::Kind::kUnixPath && !std::holds_alternative<LostFile>(file_)) {
    const auto expected = file() != 0 ? std::optional(file()) : std::nullopt;
    const auto file = SocketFile::open(address_.path, socket_.get(), expected);
    if (!file) return Error{"listen " + address_.text() + ": " + file.error().message()};
    if (auto set = set_permissions(file.value()); !set) return set.error();
  }
  return listen();
}

bool ListenSocket::file_is_removed() const {
  const auto* file = std::get_if<SocketFile>(&file_);
  return std::holds_alternative<LostFile>(file_) || (file != nullptr && file->is_removed());
}

bool ListenSocket::file_is_gone() const {
  if (const auto* unseen = std::get_if<UnseenFile>(&file_))
    return std::holds_alternative<LostFile>(look_for(unseen->inode));
  const auto* file = std::get_if<SocketFile>(&file_);
  return std::holds_alternative<LostFile>(file_) || (file != nullptr && file->is_gone_from(address_.path));
}

ListenSocket::~ListenSocket() {
  if (const auto* unseen = std::get_if<UnseenFile>(&file_)) file_ = look_for(unseen->inode);
  const auto* file = std::get_if<SocketFile>(&file_);
  if (file != nullptr && !file->is_gone_from(address_.path)) (void)::unlink(address_.path.c_str());
}

Result<void> ListenSocket::bind_tcp(std::uint16_t port, Port use) {
  const auto numeric = numeric_address(address_, port);
  if (!numeric) return numeric.error();
  const addrinfo* found = numeric.value().get();

  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
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
  use_port(use);
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
  if (auto cleared = remove_stale_socket(address_.path); !cleared)
    return Error{"listen " + address_.text() + ": " + cleared.error().message()};
  // No client may connect before owner and mode are as configured.
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), size);
  const int error = errno;
  ::umask(mask);
  if (bound < 0) return bind_error(address_, error);
  auto file = SocketFile::open(address_.path, socket_.get());
  if (!file) return Error{"listen " + address_.text() + ": " + file.error().message()};
  const SocketFile& bound_file = file_.emplace<SocketFile>(std::move(file).value());
  if (auto set = set_permissions(bound_file); !set) return set;
  if (auto listening = listen(); !listening) return listening;
  // See remove_stale_socket(): until it listened, this socket looked like a stale one.
  if (!file_is_gone()) return {};
  return Error{"listen " + address_.text() + ": another process has taken the path at the same moment"};
}

Result<void> ListenSocket::set_permissions(const SocketFile& file) const {
  const uid_t owner = address_.answers.owner.value_or(static_cast<uid_t>(-1));
  const gid_t group = address_.answers.group.value_or(static_cast<gid_t>(-1));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  auto set = file.set_owner(owner, group);
  if (set) set = file.set_mode(address_.mode.value_or(0777 & ~mask));
  return set ? set : Error{"listen " + address_.text() + ": " + set.error().message()};
}

Result<void> ListenSocket::listen() const {
  if (::listen(socket_.get(), address_.backlog) < 0) return bind_error(address_, errno);
  return {};
}

std::uint16_t ListenSocket::port() const {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&bound), &size) < 0) return address_.port;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

std::string ListenSocket::name() const {
  if (address_.kind != ListenAddress::Kind::kTcp) return address_.text();
  ListenAddress actual = address_;
  actual.host = numeric_host(address_);
  if (actual.port == 0) actual.port = port();
  return actual.text();
}

bool is_on_this_machine(const ListenAddress& address) {
  const auto numeric = numeric_address(address, 0);
  if (!numeric) return false;
  const addrinfo* found = numeric.value().get();
  const Fd probe(open_socket(found->ai_family));
  if (!probe.valid()) return errno != EAFNOSUPPORT;
  return ::bind(probe.get(), found->ai_addr, found->ai_addrlen) == 0 || errno != EADDRNOTAVAIL;
}

}  // namespace prefork
