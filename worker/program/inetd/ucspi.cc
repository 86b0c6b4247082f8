#include "worker/program/inetd/ucspi.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace prefork::worker {
namespace {

using GetName = int (*)(int, sockaddr*, socklen_t*);

struct Name {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);

  explicit Name(const ProxyEnd& end) : address(end.address), size(end.length) {}
  Name(int socket, GetName get) {
    if (get(socket, reinterpret_cast<sockaddr*>(&address), &size) < 0) address.ss_family = AF_UNSPEC;
  }
  template <typename Address>
  [[nodiscard]] Address as() const {
    Address result{};
    std::memcpy(&result, &address, sizeof(result));
    return result;
  }
};

struct Endpoint {
  bool v6 = false;
  std::string ip;
  std::string port;
  unsigned interface = 0;
};

std::string digits_of(int family, const void* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* made = ::inet_ntop(family, address, text.data(), text.size());
  return made == nullptr ? "" : made;
}

Endpoint endpoint_of(const Name& name) {
  if (name.address.ss_family == AF_INET) {
    const auto v4 = name.as<sockaddr_in>();
    return {.ip = digits_of(AF_INET, &v4.sin_addr), .port = std::to_string(ntohs(v4.sin_port))};
  }
  if (name.address.ss_family != AF_INET6) return {};
  const auto v6 = name.as<sockaddr_in6>();
  const std::string port = std::to_string(ntohs(v6.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
    return {.ip = digits_of(AF_INET, &v6.sin6_addr.s6_addr[12]), .port = port};
  return {.v6 = true, .ip = digits_of(AF_INET6, &v6.sin6_addr), .port = port, .interface = v6.sin6_scope_id};
}

void add_endpoint(std::vector<std::string>& to, const std::string& prefix, const std::string& side,
                  const Endpoint& endpoint) {
  if (endpoint.ip.empty()) return;
  to.push_back(prefix + side + "IP=" + endpoint.ip);
  to.push_back(prefix + side + "PORT=" + endpoint.port);
}

std::vector<std::string> tcp_environment(const Endpoint& local, const Endpoint& remote) {
  std::vector<std::string> result{local.v6 ? "PROTO=TCP6" : "PROTO=TCP"};
  add_endpoint(result, "TCP", "LOCAL", local);
  add_endpoint(result, "TCP", "REMOTE", remote);
  if (!local.v6) return result;
  add_endpoint(result, "TCP6", "LOCAL", local);
  add_endpoint(result, "TCP6", "REMOTE", remote);
  std::array<char, IF_NAMESIZE> interface {};
  if (local.interface != 0 && ::if_indextoname(local.interface, interface.data()) != nullptr)
    result.push_back(std::string("TCP6INTERFACE=") + interface.data());
  return result;
}

std::vector<std::string> unix_environment(const Name& local) {
  std::vector<std::string> result{"PROTO=UNIX"};
  const auto address = local.as<sockaddr_un>();
  const std::size_t size =
      std::min<std::size_t>(local.size, sizeof(address)) - offsetof(sockaddr_un, sun_path);
  std::string path(static_cast<const char*>(address.sun_path), size);
  const bool abstract = !path.empty() && path.front() == '\0';
  if (abstract) path.front() = '@';
  path.resize(std::min(path.find('\0'), path.size()));
  if (!path.empty()) result.push_back("UNIXLOCALPATH=" + path);
  return result;
}

void add_peer(std::vector<std::string>& result, int socket) {
  ucred peer{};
  socklen_t peer_size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) < 0) return;
  result.push_back("UNIXREMOTEPID=" + std::to_string(peer.pid));
  for (const char* name : {"UNIXREMOTEUID=", "UNIXREMOTEEUID="})
    result.push_back(name + std::to_string(peer.uid));
  for (const char* name : {"UNIXREMOTEGID=", "UNIXREMOTEEGID="})
    result.push_back(name + std::to_string(peer.gid));
}

bool is_for_programs(std::string_view variable) {
  for (const std::string_view other : {"SUPERVISOR_", "PROTO=", "TCPLOCAL", "TCPREMOTE", "TCP6LOCAL",
                                       "TCP6REMOTE", "TCP6INTERFACE=", "UNIXLOCAL", "UNIXREMOTE"}) {
    if (variable.starts_with(other)) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> ucspi_of(int socket) {
  const Name local(socket, ::getsockname);
  if (local.address.ss_family != AF_UNIX)
    return tcp_environment(endpoint_of(local), endpoint_of(Name(socket, ::getpeername)));
  std::vector<std::string> result = unix_environment(local);
  add_peer(result, socket);
  return result;
}

std::vector<std::string> ucspi_of(const ProxyHeader& header) {
  const Name local(header.destination);
  if (local.address.ss_family == AF_UNIX) return unix_environment(local);
  return tcp_environment(endpoint_of(local), endpoint_of(Name(header.source)));
}

std::vector<std::string> environment_for_programs() {
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (is_for_programs(*variable)) result.emplace_back(*variable);
  }
  return result;
}

}  // namespace prefork::worker
