#include "supervisor/listen/bind_check.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

#include "config/relative_path.h"
#include "proto/fd.h"

namespace prefork {
namespace {

constexpr const char* kInUse = "another process listens there, or at an address that overlaps";

std::string reason(int error) { return std::error_code(error, std::system_category()).message(); }

/// `address` has one socket. Its name was resolved when the file was read.
std::optional<BindFault> tcp_fault(const ListenAddress& address) {
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string host = address.host.empty() ? "::" : numeric_host(address);
  if (::getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &wanted, &found) != 0)
    return std::nullopt;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const Fd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return std::nullopt;  // without IPv6 the supervisor takes IPv4 alone
  const int on = 1;
  const int only = address.host.empty() ? 0 : 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.reuse_port) (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (found->ai_family == AF_INET6)
    (void)::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0) return std::nullopt;
  switch (errno) {
    case EADDRINUSE: return BindFault{kInUse, true};
    case EADDRNOTAVAIL: return BindFault{"no interface of this machine has that address; correct it"};
    case EACCES: return BindFault{"this user may not; ports below 1024 need root or CAP_NET_BIND_SERVICE"};
    default: return BindFault{reason(errno)};
  }
}

/// The first of its sockets that is in the way; names the numeric address where a name has several.
std::optional<BindFault> host_fault(const ListenAddress& address) {
  const auto sockets = one_per_socket(address);
  for (const ListenAddress& socket : sockets) {
    auto fault = tcp_fault(socket);
    if (!fault) continue;
    if (sockets.size() > 1) fault->text = numeric_host(socket) + ": " + fault->text;
    return fault;
  }
  return std::nullopt;
}

/// Whether a process listens at this name of a unix socket, as /proc/net/unix writes it. A connection that a
/// listener has accepted has the same name, and may outlive it.
bool is_listening(const std::string& name) {
  constexpr const char* kAcceptsConnections = "00010000";
  std::ifstream sockets("/proc/net/unix");
  for (std::string line; std::getline(sockets, line);) {
    std::istringstream columns(line);
    std::string number, references, protocol, flags, type, state, inode, rest;
    columns >> number >> references >> protocol >> flags >> type >> state >> inode;
    if (flags == kAcceptsConnections && std::getline(columns, rest) && rest == ' ' + name) return true;
  }
  return false;
}

/// Only root gives a file to another user, or to a group of which it is no member.
std::optional<BindFault> ownership_fault(const ListenAddress& address) {
  if (::geteuid() == 0) return std::nullopt;
  constexpr const char* kRemedy = "; leave that key out, or start the supervisor as root";
  if (address.answers.owner.value_or(::geteuid()) != ::geteuid())
    return BindFault{"this user may not give the socket to another owner" + std::string(kRemedy)};
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  groups.resize(
      static_cast<std::size_t>(std::max(::getgroups(static_cast<int>(groups.size()), groups.data()), 0)));
  groups.push_back(::getegid());
  const gid_t wanted = address.answers.group.value_or(::getegid());
  if (std::find(groups.begin(), groups.end(), wanted) != groups.end()) return std::nullopt;
  return BindFault{"this user may not give the socket to that group" + std::string(kRemedy)};
}

std::optional<BindFault> path_fault(const ListenAddress& address) {
  const std::string& path = address.path;
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  struct stat status {};
  if (::stat(directory.c_str(), &status) < 0) return BindFault{directory_fault(path, errno)};
  const bool exists = ::lstat(path.c_str(), &status) == 0;
  if (exists && !S_ISSOCK(status.st_mode)) {
    return BindFault{
        "there is something else at that path, which is not a socket; remove it or choose another path"};
  }
  if (exists && is_listening(path)) return BindFault{"another process listens there", true};
  if (::access(directory.c_str(), W_OK | X_OK) < 0) return BindFault{directory_fault(path, errno)};
  return ownership_fault(address);
}

}  // namespace

std::string directory_fault(const std::string& path, int error) {
  const std::string fault = path.substr(0, path.rfind('/') + 1) + ": " + reason(error);
  const std::string home = home_hint(path);
  if (error == ENOENT && !home.empty()) return fault + home;
  if (error == ENOENT) return fault + "; create the directory, for nothing else does";
  if (error == EACCES || error == EROFS)
    return fault +
           "; this user may not create a file there: let it write to the directory, or choose another";
  return fault;
}

std::optional<BindFault> bind_fault(const ListenAddress& address) {
  switch (address.kind) {
    case ListenAddress::Kind::kTcp: return host_fault(address);
    case ListenAddress::Kind::kUnixPath: return path_fault(address);
    case ListenAddress::Kind::kUnixAbstract:
      if (is_listening('@' + address.path)) return BindFault{"another process listens there", true};
      return std::nullopt;
    case ListenAddress::Kind::kSystemd: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace prefork
