#include "supervisor/io/descriptor_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/document.h"
#include "config/json_access.h"
#include "config/problems.h"
#include "supervisor/io/control_socket.h"
#include "supervisor/io/farewell.h"

namespace prefork {
namespace {

/// The loop, signals, log, lock, spawners and what libraries open for a moment.
constexpr std::size_t kBaseDescriptors = 64;
/// So many of what needs descriptors are named in a message.
constexpr std::size_t kNamed = 4;

enum class Setting { kQueue, kParked, kHeld, kWorkers, kListeners, kRejects, kSupervisor };
enum class Side { kAll, kOwn, kClients };

/// What a setting needs.
struct Share {
  Setting setting;
  std::size_t pool;  ///< its index
  DescriptorNeed need;
  [[nodiscard]] std::size_t on(Side side) const {
    return (side == Side::kClients ? 0 : need.own) + (side == Side::kOwn ? 0 : need.clients);
  }
};

void add_shares_of(const PoolConfig& pool, std::size_t index, std::vector<Share>& shares) {
  const auto add = [&](Setting setting, std::size_t own, std::size_t clients) {
    shares.push_back({setting, index, {.own = own, .clients = clients}});
  };
  // While workers are replaced there may be a quarter more, and one in the place of each that is stopped or
  // hangs, up to a quarter; each has a channel, a pidfd, and a pipe for its output.
  const std::size_t processes = pool.workers + pool.workers / 4 * 3 + pool.recycle.at_once + 5;
  const std::size_t slots = pool.hold == Hold::kDone ? pool.connections_per_worker : 1;
  const std::size_t held = std::size_t{pool.workers} * slots;
  add(Setting::kWorkers, processes * (pool.output == Output::kPrefix ? 3 : 2), slots == 1 ? held : 0);
  add(Setting::kHeld, 0, slots == 1 ? 0 : held);
  add(Setting::kListeners, pool.listen.size() * 2, 0);
  add(Setting::kQueue, 0, pool.queue.max);
  // Without a number of its own the lobby takes what is left, and makes room when nothing is.
  add(Setting::kParked, 0, pool.keep_alive.park ? pool.keep_alive.max : 0);
  add(Setting::kRejects, 0, pool.queue.reject_with.empty() ? 0 : Farewell::kMax);
}

std::vector<Share> shares_of(const Config& config) {
  const std::size_t control = config.control.empty() ? 0 : ControlSocket::kMaxClients + 2;
  std::vector<Share> shares{{Setting::kSupervisor, 0, {.own = kBaseDescriptors + control, .clients = 0}}};
  for (std::size_t i = 0; i < config.pools.size(); ++i) add_shares_of(config.pools[i], i, shares);
  return shares;
}

const char* key_of(Setting setting, const PoolConfig& pool) {
  switch (setting) {
    case Setting::kQueue: return "queue.max";
    case Setting::kParked: return "keep_alive.max";
    case Setting::kHeld: return "connections_per_worker";
    case Setting::kWorkers: return pool.elastic ? "workers.max" : "workers";
    case Setting::kListeners: return "listen";
    case Setting::kRejects: return "queue.reject_with";
    case Setting::kSupervisor: break;
  }
  return "the supervisor itself";
}

struct Limits {
  std::size_t descriptors;
  std::size_t first_client;  ///< 0: the two sides are not told apart
};

/// The side on which the need is more than there is; nothing when all fits.
std::optional<Side> overfull(const DescriptorNeed& need, const Limits& limits) {
  if (need.all() > limits.descriptors) return Side::kAll;
  if (limits.first_client == 0) return std::nullopt;
  if (need.own > limits.first_client) return Side::kOwn;
  if (need.clients > limits.descriptors - limits.first_client) return Side::kClients;
  return std::nullopt;
}

std::size_t get(const PoolConfig& pool, Setting setting) {
  if (setting == Setting::kQueue) return pool.queue.max;
  if (setting == Setting::kParked) return pool.keep_alive.max;
  return setting == Setting::kHeld ? pool.connections_per_worker : pool.workers;
}

void set(PoolConfig& pool, Setting setting, std::size_t value) {
  if (setting == Setting::kQueue) pool.queue.max = value;
  if (setting == Setting::kParked) pool.keep_alive.max = value;
  if (setting == Setting::kHeld) pool.connections_per_worker = static_cast<unsigned>(value);
  if (setting == Setting::kWorkers) pool.workers = static_cast<unsigned>(value);
}

/// The most that this number may be, all else as it is; 0 when none is small enough.
std::size_t most_that_fits(Config config, const Share& share, const Limits& limits) {
  PoolConfig& pool = config.pools[share.pool];
  std::size_t fits = 0;
  for (std::size_t beyond = get(pool, share.setting); beyond - fits > 1;) {
    const std::size_t middle = fits + (beyond - fits) / 2;
    set(pool, share.setting, middle);
    (overfull(descriptors_needed(config), limits) ? beyond : fits) = middle;
  }
  return fits;
}

/// What a person can make smaller and needs the most of what is short.
const Share& largest_number(const std::vector<Share>& shares) {
  return *std::find_if(shares.begin(), shares.end(),
                       [](const Share& share) { return share.setting <= Setting::kWorkers; });
}

/// "/pools/web/queue/max: 1024 (the default) is not allowed: "; nothing for what is not from a file.
std::string place_of(const Config& config, const Share& share) {
  Problems ignored("");
  const auto document = parse_document(config.text, ignored);
  if (!document) return "";
  const PoolConfig& pool = config.pools[share.pool];
  const Document* pools = find_key(*document, "pools");
  std::string pointer = pools == nullptr ? "" : child_pointer("/pools", pool.name);
  const Document* value = pools == nullptr ? &*document : &section(*pools, pool.name.c_str());
  std::string rest = key_of(share.setting, pool);
  while (!rest.empty()) {
    const std::string key = rest.substr(0, rest.find('.'));
    rest.erase(0, key.size() + 1);
    pointer = child_pointer(pointer, key);
    if (value != nullptr) value = find_key(*value, key.c_str());
  }
  return fmt::format("{}: {}{} is not allowed: ", pointer, get(pool, share.setting),
                     value == nullptr ? " (the default)" : "");
}

std::string name_of(const Config& config, const Share& share) {
  const PoolConfig& pool = config.pools[share.pool];
  const char* key = key_of(share.setting, pool);
  if (config.pools.size() == 1 || share.setting == Setting::kSupervisor) return key;
  return fmt::format("{} of pool {}", key, pool.name);
}

/// "1024 for queue.max, 70 for workers and 64 for the supervisor itself".
std::string breakdown(const Config& config, const std::vector<Share>& shares, Side side) {
  std::vector<std::string> parts;
  std::size_t others = 0;
  for (const Share& share : shares) {
    if (share.on(side) == 0) continue;
    if (parts.size() < kNamed) {
      parts.push_back(fmt::format("{} for {}", share.on(side), name_of(config, share)));
    } else {
      others += share.on(side);
    }
  }
  if (others > 0) parts.push_back(fmt::format("{} for the rest", others));
  return fmt::format("{}", fmt::join(parts, ", "));
}

/// What is short of what.
std::string shortage(const DescriptorNeed& need, const Limits& limits, Side side) {
  switch (side) {
    case Side::kAll: break;
    case Side::kOwn:
      return fmt::format(
          "workers, listeners and the control socket can need {} descriptors at a time, but the supervisor "
          "has kept {} for them when it started (those from there on are for clients, and seccomp keeps it "
          "from reading them)",
          need.own, limits.first_client);
    case Side::kClients:
      return fmt::format(
          "the queue and connections held can need {} descriptors at a time, but for clients there are {}, "
          "from {} to the limit of {}, since the supervisor started with seccomp",
          need.clients, limits.descriptors - limits.first_client, limits.first_client, limits.descriptors);
  }
  return fmt::format(
      "the configuration can need {} descriptors (open files and connections) at a time, but the limit is {}",
      need.all(), limits.descriptors);
}

std::string refusal(const Config& config, const Limits& limits, Side side) {
  std::vector<Share> shares = shares_of(config);
  std::stable_sort(shares.begin(), shares.end(),
                   [side](const Share& a, const Share& b) { return a.on(side) > b.on(side); });
  const Share& largest = largest_number(shares);
  const std::size_t most = most_that_fits(config, largest, limits);
  return fmt::format("{}{}: {}; make {} {}, or {}", place_of(config, largest),
                     shortage(descriptors_needed(config), limits, side), breakdown(config, shares, side),
                     name_of(config, largest),
                     most == 0 ? "and others smaller" : fmt::format("{} or less", most),
                     side == Side::kAll ? "raise the limit (ulimit -Hn in a shell, LimitNOFILE= of systemd)"
                                        : "restart the supervisor");
}

}  // namespace

DescriptorNeed descriptors_needed(const Config& config) {
  DescriptorNeed sum;
  for (const Share& share : shares_of(config)) {
    sum.own += share.need.own;
    sum.clients += share.need.clients;
  }
  return sum;
}

Result<void> check_descriptor_budget(const Config& config, std::size_t limit, std::size_t first_client) {
  const Limits limits{limit, first_client};
  const auto side = overfull(descriptors_needed(config), limits);
  if (side) return Error{refusal(config, limits, *side)};
  return {};
}

int choose_first_client(const Config& config, std::size_t limit) {
  // Small limits are the clients' for the most part.
  const std::size_t least = std::min<std::size_t>(1024, limit / 4);
  const DescriptorNeed need = descriptors_needed(config);
  const std::size_t most = limit - need.clients;
  return static_cast<int>(std::min({std::max(2 * need.own, least), most, std::size_t{1} << 30}));
}

}  // namespace prefork
