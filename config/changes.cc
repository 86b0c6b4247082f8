#include "config/changes.h"

#include <algorithm>
#include <tuple>

#include "config/listen_address.h"

namespace prefork {
namespace {

enum class Effect { kWorkersReplaced, kSize, kPolicy };

template <typename Owner>
using Differ = bool (*)(const Owner&, const Owner&);

/// Whether two differ in the member that `Path` leads to: unequal<&PoolConfig::queue, &QueueConfig::max>.
template <auto... Path, typename Owner>
bool unequal(const Owner& a, const Owner& b) {
  return (a.*....*Path) != (b.*....*Path);
}

/// The same path may lead to another file. What is not known differs from nothing.
bool other_program(const PoolConfig& a, const PoolConfig& b) {
  if (a.command != b.command || a.executable != b.executable) return true;
  if (a.protocol.musl != b.protocol.musl) return true;  // a script, whose interpreter is another one now
  const auto file = [](const PinnedProgram& one) {
    return std::tie(one.executable, one.device, one.inode, one.size, one.modified);
  };
  const bool known = !a.pinned.executable.empty() && !b.pinned.executable.empty();
  return known && file(a.pinned) != file(b.pinned);
}

bool other_directory(const PoolConfig& a, const PoolConfig& b) {
  if (a.directory != b.directory) return true;
  const auto place = [](const PinnedProgram& one) {
    return std::tie(one.directory, one.directory_device, one.directory_inode);
  };
  const bool known = !a.pinned.directory.empty() && !b.pinned.directory.empty();
  const bool born = a.pinned.directory_born != 0 && b.pinned.directory_born != 0;
  return known &&
         (place(a.pinned) != place(b.pinned) || (born && a.pinned.directory_born != b.pinned.directory_born));
}

bool other_number(const PoolConfig& a, const PoolConfig& b) {
  if (a.elastic && b.elastic) return false;  // then workers.max is the key that differs
  return a.workers != b.workers || a.elastic.has_value() != b.elastic.has_value();
}

bool other_maximum(const PoolConfig& a, const PoolConfig& b) {
  return a.elastic && b.elastic && a.workers != b.workers;
}

template <auto Member>
bool unequal_elastic(const PoolConfig& a, const PoolConfig& b) {
  return a.elastic && b.elastic && unequal<Member>(*a.elastic, *b.elastic);
}

/// Without the key in the file, spare follows workers.min.
bool other_spare(const PoolConfig& a, const PoolConfig& b) {
  const auto follows_min = [](const ElasticConfig& size) { return size.spare == std::min(size.min, 1U); };
  return unequal_elastic<&ElasticConfig::spare>(a, b) &&
         !(follows_min(*a.elastic) && follows_min(*b.elastic));
}

/// keep_alive.park and `protocol` set `hold` without the key in the file.
bool other_hold(const PoolConfig& a, const PoolConfig& b) {
  return a.hold != b.hold && a.keep_alive.park == b.keep_alive.park && a.protocol.name == b.protocol.name;
}

/// What is behind a name may change, too. Another group alone is not another user.
bool other_user(const PoolConfig& a, const PoolConfig& b) {
  const ProcessConfig& before = a.process;
  const ProcessConfig& after = b.process;
  if (before.user != after.user || before.account != after.account) return true;
  const bool numbers = before.identity && after.identity;
  if (numbers && before.group != after.group) return before.identity->uid != after.identity->uid;
  return before.identity != after.identity;
}

struct PoolKey {
  std::string_view name;
  Effect effect;
  Differ<PoolConfig> differ;
};

using Pool = PoolConfig;
using Process = ProcessConfig;
using Speech = ProtocolConfig;

/// Every key of a pool, except `listen`, which compare_listeners() compares.
constexpr PoolKey kPoolKeys[] = {
    {"command", Effect::kWorkersReplaced, other_program},
    {"start", Effect::kWorkersReplaced, unequal<&Pool::start>},
    {"protocol", Effect::kWorkersReplaced, unequal<&Pool::protocol, &Speech::name>},
    {"drain", Effect::kWorkersReplaced, unequal<&Pool::protocol, &Speech::drain>},
    {"drain_signal", Effect::kWorkersReplaced, unequal<&Pool::protocol, &Speech::drain_signal>},
    {"listen_fds", Effect::kWorkersReplaced, unequal<&Pool::protocol, &Speech::listen_fds>},
    {"idle_value", Effect::kWorkersReplaced, unequal<&Pool::protocol, &Speech::idle_value>},
    {"workers", Effect::kSize, other_number},
    {"workers.max", Effect::kSize, other_maximum},
    {"workers.min", Effect::kSize, unequal_elastic<&ElasticConfig::min>},
    {"workers.spare", Effect::kSize, other_spare},
    {"workers.spawn_rate", Effect::kSize, unequal_elastic<&ElasticConfig::spawn_rate>},
    {"workers.idle_timeout", Effect::kSize, unequal_elastic<&ElasticConfig::idle_timeout>},
    {"connections_per_worker", Effect::kWorkersReplaced, unequal<&Pool::connections_per_worker>},
    {"prefer", Effect::kPolicy, unequal<&Pool::prefer>},
    {"hold", Effect::kPolicy, other_hold},
    {"connections_per_address", Effect::kPolicy, unequal<&Pool::connections_per_address>},
    {"wait_for_data", Effect::kPolicy, unequal<&Pool::wait_for_data>},
    {"first_byte_timeout", Effect::kPolicy, unequal<&Pool::first_byte_timeout>},
    {"keep_alive.park", Effect::kPolicy, unequal<&Pool::keep_alive, &KeepAliveConfig::park>},
    {"keep_alive.idle_timeout", Effect::kPolicy, unequal<&Pool::keep_alive, &KeepAliveConfig::idle_timeout>},
    {"keep_alive.max", Effect::kPolicy, unequal<&Pool::keep_alive, &KeepAliveConfig::max>},
    {"queue.max", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::max>},
    {"queue.timeout", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::timeout>},
    {"queue.order", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::order>},
    {"queue.target", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::target>},
    {"queue.fairness", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::fairness>},
    {"queue.half_closed", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::half_closed>},
    {"queue.full", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::full>},
    {"queue.reject_with", Effect::kPolicy, unequal<&Pool::queue, &QueueConfig::reject_with>},
    {"health.start_timeout", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::start_timeout>},
    {"health.receipt_timeout", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::receipt_timeout>},
    {"health.kill_timeout", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::kill_timeout>},
    {"health.busy_timeout", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::busy_timeout>},
    {"health.ping_interval", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::ping_interval>},
    {"health.ping_timeout", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::ping_timeout>},
    {"health.kill_signal", Effect::kPolicy, unequal<&Pool::health, &HealthConfig::kill_signal>},
    {"restart.backoff_min", Effect::kPolicy, unequal<&Pool::restart, &RestartConfig::backoff_min>},
    {"restart.backoff_max", Effect::kPolicy, unequal<&Pool::restart, &RestartConfig::backoff_max>},
    {"recycle.connections", Effect::kPolicy, unequal<&Pool::recycle, &RecycleConfig::connections>},
    {"recycle.jitter", Effect::kPolicy, unequal<&Pool::recycle, &RecycleConfig::jitter>},
    {"recycle.age", Effect::kPolicy, unequal<&Pool::recycle, &RecycleConfig::age>},
    {"recycle.rss", Effect::kPolicy, unequal<&Pool::recycle, &RecycleConfig::rss>},
    {"recycle.at_once", Effect::kPolicy, unequal<&Pool::recycle, &RecycleConfig::at_once>},
    {"probation.time", Effect::kPolicy, unequal<&Pool::probation, &ProbationConfig::time>},
    {"probation.connections", Effect::kPolicy, unequal<&Pool::probation, &ProbationConfig::connections>},
    {"crash_reply", Effect::kPolicy, unequal<&Pool::crash_reply>},
    {"directory", Effect::kWorkersReplaced, other_directory},
    {"environment", Effect::kWorkersReplaced, unequal<&Pool::environment>},
    {"scheduling", Effect::kWorkersReplaced, unequal<&Pool::scheduling>},
    {"user", Effect::kWorkersReplaced, other_user},
    {"group", Effect::kWorkersReplaced, unequal<&Pool::process, &Process::group>},
    {"umask", Effect::kWorkersReplaced, unequal<&Pool::process, &Process::umask>},
    {"nice", Effect::kWorkersReplaced, unequal<&Pool::process, &Process::nice>},
    {"limits", Effect::kWorkersReplaced, unequal<&Pool::process, &Process::limits>},
    {"oom_score_adj", Effect::kWorkersReplaced, unequal<&Pool::process, &Process::oom_score_adj>},
    {"output", Effect::kWorkersReplaced, unequal<&Pool::output>},
    {"output_line_max", Effect::kPolicy, unequal<&Pool::output_line_max>},
};

template <typename Owner>
struct Key {
  std::string_view name;
  Differ<Owner> differ;
};

constexpr std::string_view kHostAddresses = "addresses of the host";

/// The attributes of a listener, which may differ at the same place.
constexpr Key<ListenAddress> kListenerKeys[] = {
    {"backlog", unequal<&ListenAddress::backlog>},
    {"mode", unequal<&ListenAddress::mode>},
    {"owner", unequal<&ListenAddress::owner>},
    {"group", unequal<&ListenAddress::group>},
    {"reuse_port", unequal<&ListenAddress::reuse_port>},
    {"proxy_protocol", unequal<&ListenAddress::proxy_protocol>},
    {kHostAddresses, [](const ListenAddress& before,
                        const ListenAddress& after) { return before.answers.hosts != after.answers.hosts; }},
};

/// The same path may have another token now.
bool other_token(const FileKeys& a, const FileKeys& b) {
  return a.admin.token_file != b.admin.token_file || a.admin.token != b.admin.token;
}

constexpr Key<FileKeys> kFileKeys[] = {
    {"log.level", unequal<&FileKeys::log_level>},
    {"log.file", unequal<&FileKeys::log_file>},
    {"log.format", unequal<&FileKeys::log_format>},
    {"stop_delay", unequal<&FileKeys::stop_delay>},
    {"stop_timeout", unequal<&FileKeys::stop_timeout>},
    {"control", unequal<&FileKeys::control>},
    {"supervisor_user", unequal<&FileKeys::supervisor_identity>},
    {"seccomp", unequal<&FileKeys::seccomp>},
    {"admin", unequal<&FileKeys::admin, &AdminConfig::listen>},
    {"admin_hosts", unequal<&FileKeys::admin, &AdminConfig::hosts>},
    {"admin_token_file", other_token},
    {"admin_user", unequal<&FileKeys::admin, &AdminConfig::identity>},
    {"agent", unequal<&FileKeys::admin, &AdminConfig::agent>},
};

template <typename Table, typename Owner>
Keys differing(const Table& table, const Owner& before, const Owner& after) {
  Keys names;
  for (const auto& key : table) {
    if (key.differ(before, after)) names.push_back(key.name);
  }
  return names;
}

/// Moves the first match from `from` to `taken`. Only one: two listeners with port 0 are two listeners.
template <typename Matches>
bool take(std::vector<ListenAddress>& from, const Matches& matches, ListenAddress* taken = nullptr) {
  const auto match = std::find_if(from.begin(), from.end(), matches);
  if (match == from.end()) return false;
  if (taken != nullptr) *taken = *match;
  from.erase(match);
  return true;
}

ListenerChanges compare_listeners(const std::vector<ListenAddress>& before,
                                  const std::vector<ListenAddress>& after) {
  ListenerChanges changes;
  changes.removed = before;
  std::vector<const ListenAddress*> others;
  for (const ListenAddress& address : after) {
    const bool equal = take(changes.removed, [&](const auto& old) { return old == address; });
    if (equal) {
      changes.kept.push_back(address);
    } else {
      others.push_back(&address);
    }
  }
  for (const ListenAddress* address : others) {
    ListenAddress old;
    const auto here = [&](const auto& one) { return same_place(one, *address); };
    if (take(changes.removed, here, &old)) {
      changes.changed.push_back({*address, differing(kListenerKeys, old, *address)});
    } else {
      changes.added.push_back(*address);
    }
  }
  return changes;
}

/// Not only in attributes of the same sockets.
bool listens_elsewhere(const ListenerChanges& changes) {
  const auto has_moved = [](const ListenerChanges::Changed& one) {
    return std::find(one.attributes.begin(), one.attributes.end(), kHostAddresses) != one.attributes.end();
  };
  return !changes.added.empty() || !changes.removed.empty() ||
         std::any_of(changes.changed.begin(), changes.changed.end(), has_moved);
}

}  // namespace

PoolChanges compare(const PoolConfig& old_pool, const PoolConfig& new_pool) {
  PoolChanges changes;
  for (const PoolKey& key : kPoolKeys) {
    if (!key.differ(old_pool, new_pool)) continue;
    switch (key.effect) {
      case Effect::kWorkersReplaced: changes.workers_replaced.push_back(key.name); break;
      case Effect::kSize: changes.size.push_back(key.name); break;
      case Effect::kPolicy: changes.policy.push_back(key.name); break;
    }
  }
  changes.listeners = compare_listeners(old_pool.listen, new_pool.listen);
  // Such a program serves the addresses that were known when the worker started.
  if (new_pool.protocol.asks_for_addresses() && listens_elsewhere(changes.listeners))
    changes.workers_replaced.insert(changes.workers_replaced.begin(), "listen");
  return changes;
}

Keys compare_file_keys(const FileKeys& old_keys, const FileKeys& new_keys) {
  return differing(kFileKeys, old_keys, new_keys);
}

}  // namespace prefork
