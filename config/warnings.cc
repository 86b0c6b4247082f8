#include "config/warnings.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>

#include "config/document.h"
#include "config/file_order.h"
#include "config/json_access.h"
#include "config/problems.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

/// A pool as values, and as its object in the file.
struct WrittenPool {
  const PoolConfig& config;
  const Document& object;
  std::string pointer;
};

std::string in_milliseconds(Milliseconds time) { return std::to_string(time.count()) + " ms"; }

void check_lobby(const WrittenPool& pool, Problems& found) {
  const Document& keep_alive = section(pool.object, "keep_alive");
  for (const char* key : {"idle_timeout", "max"}) {
    if (pool.config.keep_alive.park || find_key(keep_alive, key) == nullptr) continue;
    found.add(child_pointer(child_pointer(pool.pointer, "keep_alive"), key),
              "has no effect: no connection is parked without \"park\": true; add that, or remove this");
  }
  if (!pool.config.wait_for_data && find_key(pool.object, "first_byte_timeout") != nullptr) {
    found.add(
        child_pointer(pool.pointer, "first_byte_timeout"),
        "has no effect: no connection waits for its first byte without \"wait_for_data\": true; add that, or "
        "remove this");
  }
  if (pool.config.wait_for_data && pool.config.queue.half_closed == HalfClosed::kServe) {
    found.add(child_pointer(child_pointer(pool.pointer, "queue"), "half_closed"),
              "has no effect: with \"wait_for_data\": true every connection in the queue has sent something; "
              "remove one of the two");
  }
}

/// What counts only beside another key of its object.
void check_companions(const WrittenPool& pool, Problems& found) {
  const auto warn = [&](const char* section_name, const char* key, const char* why) {
    if (find_key(section(pool.object, section_name), key) != nullptr)
      found.add(child_pointer(child_pointer(pool.pointer, section_name), key), why);
  };
  if (!pool.config.health.ping_interval)
    warn("health", "ping_timeout",
         "has no effect: no Ping is sent without \"ping_interval\"; add that, or remove this");
  const RecycleConfig& recycle = pool.config.recycle;
  const bool has_term = recycle.connections != 0 || recycle.age.has_value();
  if (!has_term)
    warn("recycle", "jitter", "has no effect without \"connections\" or \"age\"; add one, or remove this");
  if (!has_term && recycle.rss == 0)
    warn("recycle", "at_once",
         "has no effect without \"connections\", \"age\" or \"rss\"; add one, or remove this");
  if (pool.config.output == Output::kInherit && find_key(pool.object, "output_line_max") != nullptr)
    found.add(child_pointer(pool.pointer, "output_line_max"),
              "has no effect with \"output\": \"inherit\": the supervisor reads no lines; remove this");
}

/// No connection waits longer than the timeout, so with a target of the timeout or more the queue never
/// counts as standing.
void check_times(const WrittenPool& pool, Problems& found) {
  const QueueConfig& queue = pool.config.queue;
  const Document& written = section(pool.object, "queue");
  const std::string pointer = child_pointer(pool.pointer, "queue");
  const Document* target = find_key(written, "target");
  if (queue.order == QueueOrder::kFifo) {
    if (target == nullptr) return;
    found.add(child_pointer(pointer, "target"),
              "has no effect: it is for \"order\": \"adaptive\", and the order is \"fifo\"; change that, or "
              "remove this");
  } else if (queue.target >= queue.timeout && target != nullptr) {
    found.add(child_pointer(pointer, "target"),
              value_text(*target) +
                  " is never reached: no connection waits longer than queue.timeout, which is " +
                  in_milliseconds(queue.timeout) + "; make it shorter than that");
  } else if (queue.target >= queue.timeout) {
    found.add(child_pointer(pointer, "timeout"),
              value_text(section(written, "timeout")) + " is over before queue.target is reached, which is " +
                  in_milliseconds(queue.target) + "; make it longer than that, or set a shorter target");
  }
}

/// A program opens its libraries, and has an address space, before its own code runs.
void check_limits(const WrittenPool& pool, Problems& found) {
  constexpr std::uint64_t kFewDescriptors = 16;
  constexpr std::uint64_t kSmallSpace = std::uint64_t{16} << 20;
  const std::string pointer = child_pointer(pool.pointer, "limits");
  for (const ResourceLimit& limit : pool.config.process.limits) {
    const std::string what = std::to_string(limit.soft);
    if (limit.resource == RLIMIT_NOFILE && limit.soft < kFewDescriptors) {
      found.add(child_pointer(pointer, limit.name),
                what + " descriptors are too few for most programs: they may not even start; set " +
                    std::to_string(kFewDescriptors) + " or more, or remove this");
    }
    if (limit.resource == RLIMIT_AS && limit.soft < kSmallSpace) {
      found.add(child_pointer(pointer, limit.name),
                what +
                    " bytes of address space are too few for most programs: they may not even start; set "
                    "\"16MiB\" or more, or remove this");
    }
  }
}

bool only_unix_sockets(const PoolConfig& pool) {
  return std::all_of(pool.listen.begin(), pool.listen.end(), [](const ListenAddress& address) {
    return address.kind == ListenAddress::Kind::kUnixPath ||
           address.kind == ListenAddress::Kind::kUnixAbstract;
  });
}

bool any_proxied(const PoolConfig& pool) {
  return std::any_of(pool.listen.begin(), pool.listen.end(),
                     [](const ListenAddress& address) { return address.proxy_protocol; });
}

void check_addresses(const WrittenPool& pool, Problems& found) {
  const QueueConfig& queue = pool.config.queue;
  const bool take_turns = queue.fairness == QueueFairness::kAddress;
  const std::string fairness = child_pointer(child_pointer(pool.pointer, "queue"), "fairness");
  const auto warn = [&](const std::string& why) {
    if (pool.config.connections_per_address != 0)
      found.add(child_pointer(pool.pointer, "connections_per_address"), why);
    if (take_turns) found.add(fairness, why);
  };
  if (only_unix_sockets(pool.config)) {
    warn("has no effect: the pool listens only on unix sockets, whose clients have no address; remove it");
  } else if (any_proxied(pool.config)) {
    warn(
        "counts the addresses of proxies, not of clients: a listener has proxy_protocol, and only the worker "
        "reads its header; remove it, and let the proxy do this");
  } else if (take_turns && queue.full == QueueFull::kWait) {
    found.add(
        fairness,
        "works only inside the queue: with \"full\": \"wait\" a flood also fills the kernel's backlog, where "
        "addresses do not count; set \"full\": \"reject\"");
  }
}

std::string pointer_of(const Document& document, const std::string& pool) {
  return find_key(document, "pools") == nullptr ? "" : child_pointer("/pools", json_escaped(pool));
}

std::vector<std::string> warnings_of(const Config& config, const std::string& file) {
  Problems found(file);
  const auto document = parse_document(config.text, found);
  if (!document) return {};  // the configuration was not made from a text
  for (const PoolConfig& pool : config.pools) {
    const Document* pools = find_key(*document, "pools");
    const Document& object = pools == nullptr ? *document : section(*pools, pool.name.c_str());
    const WrittenPool written{pool, object, pointer_of(*document, pool.name)};
    check_lobby(written, found);
    check_companions(written, found);
    check_times(written, found);
    check_addresses(written, found);
    check_limits(written, found);
  }
  std::vector<std::string> lines;
  for (const ConfigProblem& one : in_file_order(found.take(), *document)) lines.push_back(one.message());
  return lines;
}

}  // namespace

std::vector<std::string> setting_warnings(const Config& config, const std::string& file) {
  try {
    return warnings_of(config, file);
  } catch (const std::exception& error) {  // as in load.cc
    return {file + ": the settings cannot be examined: " + json_escaped(error.what())};
  }
}

}  // namespace prefork
