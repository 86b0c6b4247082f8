#include "supervisor/pool/accept_environment.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "config/accept_library.h"
#include "proto/joined.h"
#include "supervisor/system/accept_library.h"

namespace prefork {
namespace {

std::string variable(std::string_view name, std::string_view value) {
  std::string text(name);
  text += '=';
  text += value;
  return text;
}

std::string library_path(std::string_view file) {
  return accept_library_directory() + '/' + std::string(file);
}

/// For programs that read where to listen from their environment. With several addresses there is no answer.
void add_port_and_host(const PoolConfig& config, const std::vector<ListenTarget>& targets, Launch& launch) {
  const BoundAddress* only = nullptr;
  for (const ListenTarget& target : targets) {
    if (target.address.host.empty()) continue;
    if (only != nullptr) return;
    only = &target.address;
  }
  if (only == nullptr) return;
  if (!config.environment.contains("HOST")) launch.environment.push_back(variable("HOST", only->host));
  if (!config.environment.contains("PORT"))
    launch.environment.push_back(variable("PORT", std::to_string(only->port)));
}

}  // namespace

void put_in_front(std::string_view name, std::string value, char separator, const PoolConfig& config,
                  Launch& launch) {
  const std::string key(name);
  std::string others;
  if (const auto own = config.environment.find(key); own != config.environment.end()) {
    others = own->second;
  } else if (const char* inherited = std::getenv(key.c_str())) {
    others = inherited;
  }
  if (!others.empty()) value += separator + others;
  std::erase_if(launch.environment, [&](const std::string& one) { return one.starts_with(key + '='); });
  launch.environment.push_back(variable(name, value));
}

void add_listen_addresses(const PoolConfig& config, const std::vector<ListenTarget>& targets,
                          Launch& launch) {
  std::vector<std::string> items;
  items.reserve(targets.size());
  for (const ListenTarget& target : targets)
    items.push_back(std::to_string(target.index) + '=' + target.address.text);
  launch.environment.push_back(variable(kListenVariable, joined(items, ",")));
  add_port_and_host(config, targets, launch);
}

void add_accept_environment(const PoolConfig& config, const std::vector<ListenTarget>& targets,
                            Launch& launch) {
  if (config.protocol.name == Protocol::kAccept) {
    const std::string_view library = config.protocol.musl ? kAcceptLibraryForMusl : kAcceptLibrary;
    put_in_front(kPreloadVariable, library_path(library), ':', config, launch);
  }
  add_listen_addresses(config, targets, launch);
  const ProtocolConfig& protocol = config.protocol;
  launch.environment.push_back(variable(kDrainVariable, protocol.drain == DrainStart::kNow ? "now" : "idle"));
  launch.environment.push_back(
      variable(kDrainSignalVariable, std::to_string(static_cast<int>(protocol.drain_signal))));
  if (protocol.listen_fds) {
    launch.environment.push_back(variable(kListenFdsVariable, "1"));
    // The library puts its numbers in the places of these: a shell has read them by then.
    launch.environment.push_back(variable("LISTEN_FDS", "0"));
    launch.environment.push_back(variable("LISTEN_PID", "0"));
  }
}

void use_own_accept_library(Launch& launch) {
  const std::string begin = variable(kPreloadVariable, "");
  for (std::string& entry : launch.environment) {
    if (!entry.starts_with(begin)) continue;
    const std::size_t end = std::min(entry.find(':'), entry.size());
    const std::size_t name = entry.rfind('/', end) + 1;
    const std::string file = entry.substr(name, end - name);
    if (file == kAcceptLibrary || file == kAcceptLibraryForMusl)
      entry.replace(begin.size(), end - begin.size(), library_path(file));
  }
}

std::string listen_list(const Launch& launch) {
  const std::string begin = variable(kListenVariable, "");
  for (const std::string& entry : launch.environment) {
    if (entry.starts_with(begin)) return entry.substr(begin.size());
  }
  return "";
}

std::string accept_addresses(const Launch& launch) {
  const std::string list = listen_list(launch);
  std::vector<std::string_view> addresses;
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    addresses.push_back(item.substr(item.find('=') + 1));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
  }
  return joined(addresses);
}

}  // namespace prefork
