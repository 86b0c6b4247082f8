#include "config/build.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/admin_reader.h"
#include "config/byte_size.h"
#include "config/control_path.h"
#include "config/cpu_count.h"
#include "config/identity.h"
#include "config/json_access.h"
#include "config/listen_reader.h"
#include "config/machine_check.h"
#include "config/max_workers.h"
#include "config/protocol_reader.h"
#include "config/relative_path.h"
#include "config/resource_limits.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

void read_command(const Document& object, PoolConfig& pool) {
  const Document& command = section(object, "command");
  if (!command.is_array()) return;
  for (const Document& argument : command) {
    if (!argument.is_string() && pool.command.empty()) return;
    if (argument.is_string()) pool.command.push_back(argument.get<std::string>());
  }
}

void read_queue_and_health(const Document& object, PoolConfig& pool) {
  const Document& queue = section(object, "queue");
  read_integer(queue, "max", pool.queue.max);
  read_value(queue, "timeout", pool.queue.timeout);
  read_choice(queue, "order", pool.queue.order);
  read_choice(queue, "fairness", pool.queue.fairness);
  read_value(queue, "target", pool.queue.target);
  read_choice(queue, "half_closed", pool.queue.half_closed);
  read_choice(queue, "full", pool.queue.full);
  read_value(queue, "reject_with", pool.queue.reject_with);
  const Document& health = section(object, "health");
  read_value(health, "start_timeout", pool.health.start_timeout);
  read_value(health, "receipt_timeout", pool.health.receipt_timeout);
  read_value(health, "kill_timeout", pool.health.kill_timeout);
  read_value(health, "busy_timeout", pool.health.busy_timeout);
  read_value(health, "ping_interval", pool.health.ping_interval);
  read_value(health, "ping_timeout", pool.health.ping_timeout);
  read_choice(health, "kill_signal", pool.health.kill_signal);
  const Document& restart = section(object, "restart");
  read_value(restart, "backoff_min", pool.restart.backoff_min);
  read_value(restart, "backoff_max", pool.restart.backoff_max);
}

/// A number that may be negative, clamped to ±1000: no key allows more.
std::optional<int> read_signed(const Document& object, const char* key) {
  const Document* value = find_key(object, key);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  constexpr std::int64_t kMax = 1000;
  return static_cast<int>(std::clamp(value->get<std::int64_t>(), -kMax, kMax));
}

ProcessConfig read_process(const Document& object, const std::string& pointer, const Machine* machine,
                           Problems& problems) {
  ProcessConfig read;
  read_account(object, "user", read.user);
  read_account(object, "group", read.group);
  if (!read.user.empty()) {
    std::optional<WorkerUser> user;
    if (machine != nullptr) user = find_worker_user(read.user, read.group, pointer, *machine, problems);
    if (user) {
      read.identity = std::move(user->identity);
      read.account = std::move(user->account);
    }
  } else if (!read.group.empty()) {
    problems.add(
        child_pointer(pointer, "group"),
        in_quotes(read.group) + " is not allowed without a \"user\" beside it; add one, or remove this");
  }
  if (const std::string* umask = find_string(object, "umask")) {
    read.umask = static_cast<mode_t>(std::strtoul(umask->c_str(), nullptr, 8)) & 0777;
  }
  read.nice = read_signed(object, "nice");
  read.oom_score_adj = read_signed(object, "oom_score_adj");
  read.limits = read_resource_limits(section(object, "limits"), child_pointer(pointer, "limits"), problems);
  return read;
}

void read_workers(const Document& object, PoolConfig& pool) {
  pool.workers = std::min(available_cpus(), kMaxWorkers);
  read_integer(object, "workers", pool.workers);
  const Document& elastic = section(object, "workers");
  if (!elastic.is_object() || elastic.empty()) return;
  ElasticConfig size;
  read_integer(elastic, "max", pool.workers);
  read_integer(elastic, "min", size.min);
  if (size.min == 0) size.spare = 0;
  read_integer(elastic, "spare", size.spare);
  read_integer(elastic, "spawn_rate", size.spawn_rate);
  read_value(elastic, "idle_timeout", size.idle_timeout);
  pool.elastic = size;
}

void check_workers(const Document& object, const PoolConfig& pool, const std::string& pointer,
                   Problems& problems) {
  if (!pool.elastic || pool.workers == 0 || pool.elastic->min <= pool.workers) return;
  if (find_key(section(object, "workers"), "max") == nullptr) return;  // that is the mistake
  problems.add(child_pointer(child_pointer(pointer, "workers"), "min"),
               std::to_string(pool.elastic->min) +
                   " is not allowed: min must not be larger than max, which is " +
                   std::to_string(pool.workers));
}

void read_recycling(const Document& object, PoolConfig& pool) {
  const Document& recycle = section(object, "recycle");
  read_integer(recycle, "connections", pool.recycle.connections);
  read_integer(recycle, "jitter", pool.recycle.jitter);
  read_value(recycle, "age", pool.recycle.age);
  if (const std::string* rss = find_string(recycle, "rss"))
    pool.recycle.rss = parse_byte_size(*rss).value_or(0);
  read_integer(recycle, "at_once", pool.recycle.at_once);
  const Document& probation = section(object, "probation");
  read_value(probation, "time", pool.probation.time);
  read_integer(probation, "connections", pool.probation.connections);
  read_value(object, "crash_reply", pool.crash_reply);
}

void read_waiting(const Document& object, PoolConfig& pool, const std::string& pointer, Problems& problems) {
  read_integer(object, "connections_per_address", pool.connections_per_address);
  read_value(object, "wait_for_data", pool.wait_for_data);
  read_value(object, "first_byte_timeout", pool.first_byte_timeout);
  const Document& keep_alive = section(object, "keep_alive");
  read_value(keep_alive, "park", pool.keep_alive.park);
  read_value(keep_alive, "idle_timeout", pool.keep_alive.idle_timeout);
  read_integer(keep_alive, "max", pool.keep_alive.max);
  if (!pool.keep_alive.park) return;
  // While a connection is parked, only the supervisor's copy of its socket keeps it open.
  if (pool.hold == Hold::kReceipt && find_key(object, "hold") != nullptr) {
    problems.add(
        child_pointer(pointer, "hold"),
        "\"receipt\" is not allowed with keep_alive.park, which needs \"done\"; remove one of the two");
  }
  pool.hold = Hold::kDone;
}

void check_restart(const Document& object, const PoolConfig& pool, const std::string& pointer,
                   Problems& problems) {
  if (pool.restart.backoff_min <= pool.restart.backoff_max) return;
  // At the key that the file sets; backoff_min if it sets both.
  const char* key =
      find_key(section(object, "restart"), "backoff_min") != nullptr ? "backoff_min" : "backoff_max";
  const std::string* text = find_string(section(object, "restart"), key);
  problems.add(child_pointer(child_pointer(pointer, "restart"), key),
               in_quotes(text == nullptr ? "" : *text) +
                   " is not allowed: backoff_min must not be longer than backoff_max, and they are " +
                   std::to_string(pool.restart.backoff_min.count()) + " and " +
                   std::to_string(pool.restart.backoff_max.count()) + " ms");
}

PoolConfig build_pool(const Document& object, const std::string& name, const std::string& pointer,
                      const Surroundings& surroundings, ListenReader& listeners, Problems& problems) {
  PoolConfig pool;
  pool.name = name;
  pool.listen = listeners.read(object, pointer);
  read_command(object, pool);
  read_choice(object, "start", pool.start);
  read_workers(object, pool);
  read_integer(object, "connections_per_worker", pool.connections_per_worker);
  read_choice(object, "prefer", pool.prefer);
  read_choice(object, "hold", pool.hold);
  read_waiting(object, pool, pointer, problems);
  read_queue_and_health(object, pool);
  read_recycling(object, pool);
  read_value(object, "directory", pool.directory);
  if (!pool.directory.empty()) pool.directory = in_directory(pool.directory, surroundings.directory);
  const Document& environment = section(object, "environment");
  if (environment.is_object()) {
    for (const auto& [key, value] : environment.items())
      read_value(environment, key.c_str(), pool.environment[key]);
  }
  read_choice(object, "scheduling", pool.scheduling);
  read_choice(object, "output", pool.output);
  read_integer(object, "output_line_max", pool.output_line_max);
  pool.process = read_process(object, pointer, surroundings.machine, problems);
  read_protocol(object, pool, pointer, problems);
  check_workers(object, pool, pointer, problems);
  check_restart(object, pool, pointer, problems);
  if (surroundings.machine != nullptr)
    check_command(pool, pointer, surroundings.directory, *surroundings.machine, problems);
  return pool;
}

void read_log_file(const Document& log, const Surroundings& surroundings, FileKeys& keys,
                   Problems& problems) {
  const std::string* path = find_string(log, "file");
  if (path == nullptr || path->empty()) return;
  keys.log_file = in_directory(*path, surroundings.directory);
  if (surroundings.machine == nullptr) return;
  if (*path == "-" || *path == "stderr" || *path == "stdout") {
    problems.add("/log/file", in_quotes(*path) +
                                  " is not allowed: it would be a file of that name; leave log.file " +
                                  "out, and the log is standard error");
    return;
  }
  check_log_file(keys.log_file, *surroundings.machine, problems);
}

void read_file_keys(const Document& document, const Surroundings& surroundings, FileKeys& keys,
                    Problems& problems) {
  read_value(document, "name", keys.name);
  read_value(document, "stop_delay", keys.stop_delay);
  read_value(document, "stop_timeout", keys.stop_timeout);
  read_choice(section(document, "log"), "level", keys.log_level);
  read_choice(section(document, "log"), "format", keys.log_format);
  read_log_file(section(document, "log"), surroundings, keys, problems);
  read_account(document, "supervisor_user", keys.supervisor_user);
  if (surroundings.machine != nullptr && !keys.supervisor_user.empty()) {
    keys.supervisor_identity =
        find_supervisor_identity(keys.supervisor_user, "/supervisor_user", *surroundings.machine, problems);
  }
  if (const Document* seccomp = find_key(document, "seccomp"); seccomp != nullptr && seccomp->is_boolean())
    keys.seccomp = seccomp->get<bool>();
  keys.control_by_default = find_key(document, "control") == nullptr;
  keys.control = read_control_path(document, surroundings.directory, problems);
  if (surroundings.machine != nullptr) refuse_control_address(document, problems);
}

/// Workers with the supervisor's own user could stop it, and use up the kernel's limits of that user.
void check_supervisor_user(const Config& config, Problems& problems) {
  for (const PoolConfig& pool : config.pools) {
    const auto& workers = pool.process.identity;
    if (!workers || !config.supervisor_identity || workers->uid != config.supervisor_identity->uid) continue;
    problems.add("/supervisor_user", in_quotes(config.supervisor_user) +
                                         " is not allowed: it is the user of the workers of pool " +
                                         pool.name + "; name another user");
    return;
  }
}

/// The admin process could signal what runs as its user.
void check_admin_user(const Config& config, Problems& problems) {
  const auto& own = config.admin.identity;
  if (!own) return;
  std::string whose;
  if (config.supervisor_identity && config.supervisor_identity->uid == own->uid) whose = "supervisor_user";
  for (const PoolConfig& pool : config.pools) {
    if (pool.process.identity && pool.process.identity->uid == own->uid)
      whose = "the user of the workers of pool " + pool.name;
  }
  if (whose.empty()) return;
  problems.add("/admin_user",
               in_quotes(config.admin.user) + " is not allowed: it is " + whose + "; name another user");
}

}  // namespace

Config build_config(const Document& document, const Surroundings& surroundings, Problems& problems) {
  Config config;
  read_file_keys(document, surroundings, config, problems);
  ListenReader listeners(problems, surroundings.directory, surroundings.machine);
  if (!config.control.empty()) listeners.reserve(control_address(config.control), "/control");
  config.admin = read_admin(document, surroundings, listeners, problems);
  const Document* pools = find_key(document, "pools");
  if (pools == nullptr) {
    config.pools.push_back(build_pool(document, config.name, "", surroundings, listeners, problems));
  } else if (pools->is_object()) {
    for (const auto& [name, pool] : pools->items()) {
      const std::string pointer = child_pointer("/pools", json_escaped(name));
      config.pools.push_back(build_pool(pool, name, pointer, surroundings, listeners, problems));
    }
  }
  check_supervisor_user(config, problems);
  check_admin_user(config, problems);
  return config;
}

}  // namespace prefork
