#include "config/protocol_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "config/accept_library.h"
#include "config/choice_names.h"
#include "config/json_access.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

struct OwnKey {
  const char* key;
  Protocol protocol;
  std::string_view name;
};

/// The keys that one protocol only has.
constexpr OwnKey kOwnKeys[] = {
    {"drain", Protocol::kAccept, "accept"},
    {"drain_signal", Protocol::kAccept, "accept"},
    {"listen_fds", Protocol::kAccept, "accept"},
    {"idle_value", Protocol::kClassic, "classic"},
};

void read_idle_value(const Document& object, std::optional<std::int32_t>& into) {
  using Limits = std::numeric_limits<std::int32_t>;
  const Document* value = find_key(object, "idle_value");
  if (value == nullptr || !value->is_number_integer()) return;
  into = static_cast<std::int32_t>(
      std::clamp(value->get<std::int64_t>(), std::int64_t{Limits::min()}, std::int64_t{Limits::max()}));
}

void check_own_keys(const Document& object, const PoolConfig& pool, const std::string& pointer,
                    Problems& problems) {
  for (const OwnKey& own : kOwnKeys) {
    const Document* value = find_key(object, own.key);
    const bool drains = std::string_view(own.key).starts_with("drain");
    if (value == nullptr || pool.protocol.name == own.protocol || (drains && pool.protocol.accepts()))
      continue;
    problems.add(child_pointer(pointer, own.key),
                 value_text(*value) + " is not allowed without \"protocol\": " + in_quotes(own.name) +
                     "; add that, or remove this");
  }
}

/// A program removes the file of its socket before it binds it: that would be the supervisor's.
void check_notify_addresses(const PoolConfig& pool, const std::string& pointer, Problems& problems) {
  for (const ListenAddress& address : pool.listen) {
    if (pool.protocol.name != Protocol::kAcceptNotify || address.kind != ListenAddress::Kind::kUnixPath)
      continue;
    problems.add(child_pointer(pointer, "listen"),
                 in_quotes(json_escaped(address.text())) +
                     " is not allowed with \"protocol\": \"accept-notify\": the program would remove the "
                     "supervisor's socket before it binds its own; use a TCP address, or unix:@NAME");
  }
}

std::string name_of(Protocol protocol) {
  for (const auto& choice : kChoiceNames<Protocol>) {
    if (choice.value == protocol) return in_quotes(choice.text);
  }
  return "";
}

/// They are Node programs themselves: they would be the worker, in place of the program that they start.
void check_node_program(const PoolConfig& pool, const std::string& pointer, Problems& problems) {
  constexpr std::array<std::string_view, 4> kStarters = {"npm", "npx", "pnpm", "yarn"};
  if (pool.protocol.name != Protocol::kNode || pool.command.empty()) return;
  const std::string& program = pool.command.front();
  const std::string_view name = std::string_view(program).substr(program.rfind('/') + 1);
  if (std::find(kStarters.begin(), kStarters.end(), name) == kStarters.end()) return;
  problems.add(child_pointer(child_pointer(pointer, "command"), 0),
               path_in_quotes(program) +
                   " is not allowed with \"protocol\": \"node\": it would be the worker itself, and not the "
                   "program that it starts; name node and the file, such as [\"node\", \"server.js\"]");
}

/// What the supervisor tells Node with: a second value of one would break the channel, or all workers would
/// be one.
void check_node_environment(const PoolConfig& pool, const std::string& pointer, Problems& problems) {
  if (pool.protocol.name != Protocol::kNode) return;
  for (const char* name : {"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID"}) {
    if (pool.environment.count(name) == 0) continue;
    problems.add(child_pointer(child_pointer(pointer, "environment"), name),
                 "is not allowed with \"protocol\": \"node\": the supervisor sets it; remove this");
  }
}

/// Such a program knows nothing of the supervisor.
void check_accept(const PoolConfig& pool, const std::string& pointer, Problems& problems) {
  if (!pool.protocol.asks_for_addresses()) return;
  const std::string name = name_of(pool.protocol.name);
  if (pool.start == StartForm::kFork) {
    problems.add(child_pointer(pointer, "start"),
                 "\"fork\" is not allowed with \"protocol\": " + name +
                     ": only a program with the worker library can be a template; remove this");
  }
  std::size_t addresses = 0;
  for (const ListenAddress& address : pool.listen)
    addresses += std::max<std::size_t>(1, address.answers.hosts.size());
  if (addresses > kMostAcceptAddresses) {
    problems.add(child_pointer(pointer, "listen"),
                 std::to_string(addresses) + " addresses are not allowed with \"protocol\": " + name +
                     ": at most " + std::to_string(kMostAcceptAddresses) + "; make two pools of it");
  }
  if (pool.keep_alive.park && pool.protocol.accepts()) {
    problems.add(child_pointer(child_pointer(pointer, "keep_alive"), "park"),
                 "true is not allowed with \"protocol\": " + name +
                     ": only a program that knows the worker protocol can give back a connection between two "
                     "requests; remove this");
  }
}

/// A textbook's worker has one connection at a time, and says only when it is done.
void check_classic(const Document& object, const PoolConfig& pool, const std::string& pointer,
                   Problems& problems) {
  const auto refuse = [&](std::initializer_list<const char*> path, const char* why) {
    std::string at = pointer;
    const Document* value = &object;
    for (const char* key : path) {
      value = value->is_object() ? find_key(*value, key) : nullptr;
      if (value == nullptr) return;
      at = child_pointer(at, key);
    }
    problems.add(at, value_text(*value) + " is not allowed with \"protocol\": \"classic\": " + why);
  };
  if (pool.connections_per_worker > 1)
    refuse({"connections_per_worker"}, "its workers have one connection at a time; remove this");
  if (pool.keep_alive.park) {
    refuse({"keep_alive", "park"},
           "its workers cannot give back a connection between two requests; remove this");
  }
  if (pool.hold == Hold::kReceipt) {  // or the default
    refuse({"hold"},
           "its workers send no receipt, so the supervisor keeps its copy until the connection is "
           "done; remove this");
  }
  refuse({"health", "receipt_timeout"},
         "its workers send no receipt; health.busy_timeout limits a connection");
  for (const char* key : {"ping_interval", "ping_timeout"})
    refuse({"health", key}, "its workers cannot answer a ping; remove this");
}

}  // namespace

void read_protocol(const Document& object, PoolConfig& pool, const std::string& pointer, Problems& problems) {
  read_choice(object, "protocol", pool.protocol.name);
  read_choice(object, "drain", pool.protocol.drain);
  read_choice(object, "drain_signal", pool.protocol.drain_signal);
  read_value(object, "listen_fds", pool.protocol.listen_fds);
  read_idle_value(object, pool.protocol.idle_value);
  check_own_keys(object, pool, pointer, problems);
  check_accept(pool, pointer, problems);
  check_node_program(pool, pointer, problems);
  check_node_environment(pool, pointer, problems);
  check_notify_addresses(pool, pointer, problems);
  if (pool.protocol.name != Protocol::kClassic) return;
  check_classic(object, pool, pointer, problems);
  pool.hold = Hold::kDone;
}

}  // namespace prefork
