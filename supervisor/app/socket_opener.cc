#include "supervisor/app/socket_opener.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace prefork {
namespace {

/// Of a listener with several addresses and port 0: the port that the kernel chooses for the first address
/// may be in use at another.
constexpr int kPortAttempts = 16;

ListenSocket* running_in(PoolRunner& pool, const ListenAddress& address,
                         const std::set<const ListenSocket*>& taken) {
  for (const auto& listener : pool.listeners().configured()) {
    ListenSocket& socket = listener->socket();
    if (same_socket(socket.address(), address) && !taken.contains(&socket)) return &socket;
  }
  return nullptr;
}

}  // namespace

Result<std::vector<SocketOpener::PoolSockets>> SocketOpener::open(const Config& config) const {
  std::vector<WantedPool> wanted = wanted_by(config);
  find_running(config, wanted);
  std::vector<PoolSockets> opened;
  for (WantedPool& pool : wanted) {
    leave_out_missing(pool);
    PoolSockets& sockets = opened.emplace_back();
    for (auto first = pool.begin(); first != pool.end();) {
      const auto end = std::find_if(first, pool.end(),
                                    [entry = first->entry](const Wanted& one) { return one.entry != entry; });
      auto listener = open_listener({first, end});
      if (!listener) return listener.error();
      std::move(listener.value().begin(), listener.value().end(), std::back_inserter(sockets));
      first = end;
    }
  }
  return opened;
}

std::vector<SocketOpener::WantedPool> SocketOpener::wanted_by(const Config& config) {
  std::vector<WantedPool> wanted;
  for (const PoolConfig& pool : config.pools) {
    wanted.emplace_back();
    for (std::size_t i = 0; i < pool.listen.size(); ++i) {
      for (const ListenAddress& address : one_per_socket(pool.listen[i]))
        wanted.back().push_back({address, static_cast<ListenerIndex>(i)});
    }
  }
  return wanted;
}

void SocketOpener::find_running(const Config& config, std::vector<WantedPool>& wanted) const {
  // Each socket has one next owner: several may be at port 0. First each pool gets its own.
  std::set<const ListenSocket*> taken;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    PoolRunner* pool = pools_.find(config.pools[i].name);
    for (Wanted& one : wanted[i]) {
      if (pool != nullptr) one.running = running_in(*pool, one.address, taken);
      if (one.running != nullptr) taken.insert(one.running);
    }
  }
  for (WantedPool& pool : wanted) {
    for (Wanted& one : pool) {
      for (const auto& other : pools_.present()) {
        if (one.running == nullptr) one.running = running_in(*other, one.address, taken);
      }
      if (one.running != nullptr) taken.insert(one.running);
    }
  }
}

void SocketOpener::leave_out_missing(WantedPool& wanted) const {
  std::set<ListenerIndex> usable;
  std::vector<bool> missing;
  for (const Wanted& one : wanted) {
    const bool alone = one.address.answers.hosts.empty();
    missing.push_back(!alone && one.running == nullptr && !is_on_this_machine(one.address));
    if (!missing.back()) usable.insert(one.entry);
  }
  WantedPool kept;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (missing[i] && usable.contains(wanted[i].entry)) {
      log_.info("listen {}: {} is left out: this machine does not have that address",
                wanted[i].address.text(), numeric_host(wanted[i].address));
    } else {
      kept.push_back(std::move(wanted[i]));
    }
  }
  wanted = std::move(kept);
}

Result<SocketOpener::PoolSockets> SocketOpener::open_listener(const WantedPool& wanted) const {
  const bool kernel_chooses =
      wanted.front().address.kind == ListenAddress::Kind::kTcp && wanted.front().address.port == 0;
  const auto running =
      std::find_if(wanted.begin(), wanted.end(), [](const Wanted& one) { return one.running != nullptr; });
  if (!kernel_chooses || wanted.size() == 1) return try_port(wanted, 0);
  if (running != wanted.end()) return try_port(wanted, running->running->port());
  for (int attempt = 1;; ++attempt) {
    auto opened = try_port(wanted, 0);
    if (opened || attempt == kPortAttempts) return opened;
  }
}

Result<SocketOpener::PoolSockets> SocketOpener::try_port(const WantedPool& wanted, std::uint16_t port) const {
  PoolSockets sockets;
  for (const Wanted& one : wanted) {
    auto opened = open_one(one, port);
    if (!opened) return opened.error();
    if (one.address.kind == ListenAddress::Kind::kTcp) port = opened.value().socket.port();
    sockets.push_back(std::move(opened).value());
  }
  return sockets;
}

Result<SocketOpener::Opened> SocketOpener::open_one(const Wanted& wanted, std::uint16_t port) const {
  ListenSocket* running = wanted.running;
  if (running != nullptr && running->file_is_gone()) {
    if (auto anew = open_anew(wanted.address, log_)) {
      anew->set_entry(wanted.entry);
      return Opened{std::move(*anew)};
    }
  }
  auto socket = running == nullptr ? open_new(wanted.address, port) : running->share(wanted.address);
  if (!socket) return socket.error();
  socket.value().set_entry(wanted.entry);
  return Opened{std::move(socket).value(), running};
}

std::optional<ListenSocket> SocketOpener::open_anew(const ListenAddress& address, Log& log,
                                                    std::string_view what) {
  auto anew = ListenSocket::open(address);
  if (!anew) {
    log.error("{}{}; its file is gone, and no client can connect there", what, anew.error().message());
    return std::nullopt;
  }
  log.warn("{}listen {}: its file was gone; clients can connect again", what, address.text());
  return std::move(anew).value();
}

std::vector<ListenSocket*> SocketOpener::overlapping(const ListenAddress& address) const {
  std::vector<ListenSocket*> found;
  for (const auto& pool : pools_.present()) {
    for (const auto& listener : pool->listeners().configured()) {
      ListenAddress own = listener->socket().address();
      if (own.kind == ListenAddress::Kind::kTcp) own.port = listener->socket().port();  // for port 0
      if (overlap(own, address)) found.push_back(&listener->socket());
    }
  }
  return found;
}

Result<ListenSocket> SocketOpener::open_new(const ListenAddress& address, std::uint16_t port) const {
  pools_.for_each([&address](PoolRunner& each) { each.listeners().end_drain_at(address); });
  if (address.kind != ListenAddress::Kind::kSystemd) {
    auto opened = ListenSocket::open(address, port);
    if (opened) return opened;
    const auto own = overlapping(address);
    if (!own.empty()) return ListenSocket::open_beside(own, address, port);
    return opened;
  }
  auto passed = activated_.find(address.path);
  if (!passed) return passed.error();
  return ListenSocket::activated(address, std::move(passed).value());
}

}  // namespace prefork
