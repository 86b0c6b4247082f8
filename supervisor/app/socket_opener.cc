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

ListenSocket* find_at(const ListenAddress& address, const std::vector<ListenSocket*>& among,
                      const std::set<const ListenSocket*>& taken) {
  const auto found = std::find_if(among.begin(), among.end(), [&](const ListenSocket* one) {
    return same_socket(one->address(), address) && !taken.contains(one);
  });
  return found == among.end() ? nullptr : *found;
}

void add_listeners(PoolRunner& pool, std::vector<ListenSocket*>& into) {
  for (const auto& listener : pool.listeners().configured()) into.push_back(&listener->socket());
}

}  // namespace

Result<SocketOpener::Opened> SocketOpener::open(const Config& config) const {
  std::vector<WantedGroup> wanted = wanted_by(config);
  find_running(config, wanted);
  Opened opened;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto group = open_group(std::move(wanted[i]));
    const bool of_pool = i < config.pools.size();
    const bool of_admin = i == config.pools.size();
    if (!group)
      return of_pool ? group.error() : Error{(of_admin ? "admin: " : "agent: ") + group.error().message()};
    if (of_pool) {
      opened.pools.push_back(std::move(group).value());
    } else {
      (of_admin ? opened.admin : opened.agent) = std::move(group).value();
    }
  }
  return opened;
}

Result<OpenedSockets> SocketOpener::open_group(WantedGroup wanted) const {
  leave_out_missing(wanted);
  OpenedSockets sockets;
  for (auto first = wanted.begin(); first != wanted.end();) {
    const auto end = std::find_if(first, wanted.end(),
                                  [entry = first->entry](const Wanted& one) { return one.entry != entry; });
    auto listener = open_listener({first, end});
    if (!listener) return listener.error();
    std::move(listener.value().begin(), listener.value().end(), std::back_inserter(sockets));
    first = end;
  }
  return sockets;
}

std::vector<SocketOpener::WantedGroup> SocketOpener::wanted_by(const Config& config) {
  std::vector<WantedGroup> wanted;
  const auto add = [&wanted](const std::vector<ListenAddress>& listen) {
    WantedGroup& group = wanted.emplace_back();
    for (std::size_t i = 0; i < listen.size(); ++i) {
      for (const ListenAddress& address : one_per_socket(listen[i]))
        group.push_back({address, static_cast<ListenerIndex>(i)});
    }
  };
  for (const PoolConfig& pool : config.pools) add(pool.listen);
  add(config.admin.listen);
  add(config.admin.agent);
  return wanted;
}

std::vector<std::vector<ListenSocket*>> SocketOpener::own_sockets(const Config& config) const {
  std::vector<std::vector<ListenSocket*>> own;
  for (const PoolConfig& config_of_pool : config.pools) {
    PoolRunner* pool = pools_.find(config_of_pool.name);
    own.emplace_back();
    if (pool != nullptr) add_listeners(*pool, own.back());
  }
  own.push_back(admin_.admin);
  own.push_back(admin_.agent);
  return own;
}

std::vector<ListenSocket*> SocketOpener::all_sockets() const {
  std::vector<ListenSocket*> all;
  for (const auto& pool : pools_.present()) add_listeners(*pool, all);
  all.insert(all.end(), admin_.admin.begin(), admin_.admin.end());
  all.insert(all.end(), admin_.agent.begin(), admin_.agent.end());
  return all;
}

void SocketOpener::find_running(const Config& config, std::vector<WantedGroup>& wanted) const {
  // Each socket has one next owner: several may be at port 0. First each group gets its own.
  std::set<const ListenSocket*> taken;
  const auto own = own_sockets(config);
  const auto all = all_sockets();
  for (const bool only_own : {true, false}) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      for (Wanted& one : wanted[i]) {
        if (one.running == nullptr) one.running = find_at(one.address, only_own ? own[i] : all, taken);
        if (one.running != nullptr) taken.insert(one.running);
      }
    }
  }
}

void SocketOpener::leave_out_missing(WantedGroup& wanted) const {
  std::set<ListenerIndex> usable;
  std::vector<bool> missing;
  for (const Wanted& one : wanted) {
    const bool alone = one.address.answers.hosts.empty();
    missing.push_back(!alone && one.running == nullptr && !is_on_this_machine(one.address));
    if (!missing.back()) usable.insert(one.entry);
  }
  WantedGroup kept;
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

Result<OpenedSockets> SocketOpener::open_listener(const WantedGroup& wanted) const {
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

Result<OpenedSockets> SocketOpener::try_port(const WantedGroup& wanted, std::uint16_t port) const {
  OpenedSockets sockets;
  for (const Wanted& one : wanted) {
    auto opened = open_one(one, port);
    if (!opened) return opened.error();
    if (one.address.kind == ListenAddress::Kind::kTcp) port = opened.value().socket.port();
    sockets.push_back(std::move(opened).value());
  }
  return sockets;
}

Result<OpenedSocket> SocketOpener::open_one(const Wanted& wanted, std::uint16_t port) const {
  ListenSocket* running = wanted.running;
  if (running != nullptr && running->file_is_gone()) {
    if (auto anew = open_anew(wanted.address, log_)) {
      anew->set_entry(wanted.entry);
      return OpenedSocket{std::move(*anew)};
    }
  }
  auto socket = running == nullptr ? open_new(wanted.address, port) : running->share(wanted.address);
  if (!socket) return socket.error();
  socket.value().set_entry(wanted.entry);
  return OpenedSocket{std::move(socket).value(), running};
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
  for (ListenSocket* one : all_sockets()) {
    ListenAddress own = one->address();
    if (own.kind == ListenAddress::Kind::kTcp) own.port = one->port();  // for port 0
    if (overlap(own, address)) found.push_back(one);
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
