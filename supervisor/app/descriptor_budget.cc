#include "supervisor/app/descriptor_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "config/key_place.h"
#include "config/limit_check.h"
#include "proto/joined.h"
#include "supervisor/clients/lingering_close.h"
#include "supervisor/control_server/control_socket.h"

namespace prefork {
namespace {

/// The loop, signals, log, spawners, the children of a reload and of an upgrade, and files that
/// libraries open for a moment.
constexpr std::size_t kBaseDescriptors = 64;
/// A message names at most so many settings.
constexpr std::size_t kNamed = 4;

enum class Setting { kQueue, kParked, kHeld, kWorkers, kListeners, kRejects, kSupervisor };
enum class Side { kAll, kOwn, kClients };

/// The descriptors that a setting needs.
struct Share {
  Setting setting;
  std::size_t pool;  ///< its index
  DescriptorNeed need;
  [[nodiscard]] std::size_t on(Side side) const {
    return (side == Side::kClients ? 0 : need.own) + (side == Side::kOwn ? 0 : need.clients);
  }
};

/// The sockets of listeners, and the files of unix sockets.
std::size_t sockets_of(const std::vector<ListenAddress>& listeners) {
  std::size_t count = 0;
  for (const ListenAddress& address : listeners)
    count += one_per_socket(address).size() + (address.kind == ListenAddress::Kind::kUnixPath ? 1 : 0);
  return count;
}

std::vector<Share> shares_of(const PoolConfig& pool, std::size_t index) {
  std::vector<Share> shares;
  const auto add = [&](Setting setting, std::size_t own, std::size_t clients) {
    shares.push_back({setting, index, {.own = own, .clients = clients}});
  };
  // While workers are replaced there may be a quarter more, and one for each worker that is stopped or hangs,
  // up to a quarter. Each has a channel, a pidfd, and a pipe for its output.
  const std::size_t processes = pool.workers + pool.workers / 4 * 3 + pool.recycle.at_once + 5;
  const std::size_t slots = pool.hold == Hold::kDone ? pool.connections_per_worker : 1;
  const std::size_t held = std::size_t{pool.workers} * slots;
  add(Setting::kWorkers, processes * (pool.output == Output::kPrefix ? 3 : 2), slots == 1 ? held : 0);
  add(Setting::kHeld, 0, slots == 1 ? 0 : held);
  add(Setting::kListeners, sockets_of(pool.listen) * 2, 0);
  add(Setting::kQueue, 0, pool.queue.max);
  // Without a maximum the lobby takes the descriptors that are left, and evicts connections when none is.
  add(Setting::kParked, 0, pool.keep_alive.park ? pool.keep_alive.max : 0);
  add(Setting::kRejects, 0, pool.queue.reject_with.empty() ? 0 : LingeringClose::kMaxPending);
  return shares;
}

/// The admin process: its listening sockets, shared at a reload and copied for it; link, pidfd, output,
/// history.
std::size_t own_for(const AdminConfig& admin) {
  return admin.wanted() ? 3 * (sockets_of(admin.listen) + sockets_of(admin.agent)) + 8 : 0;
}

std::vector<Share> shares_of(const Config& config) {
  const std::size_t control = config.control.empty() ? 0 : ControlSocket::kMaxClients + 4;
  const std::size_t own = kBaseDescriptors + control + own_for(config.admin);
  std::vector<Share> shares{{Setting::kSupervisor, 0, {.own = own, .clients = 0}}};
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    for (const Share& share : shares_of(config.pools[i], i)) shares.push_back(share);
  }
  return shares;
}

DescriptorNeed sum_of(const std::vector<Share>& shares) {
  DescriptorNeed sum;
  for (const Share& share : shares) sum = sum.plus(share.need);
  return sum;
}

DescriptorNeed need_of(const PoolConfig& pool) { return sum_of(shares_of(pool, 0)); }

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
  std::size_t first_client;  ///< 0: the two sides are not counted apart
};

/// The side that needs more descriptors than it has; nothing when everything fits.
std::optional<Side> overfull(const DescriptorNeed& need, const Limits& limits) {
  if (limits.first_client == 0)
    return need.all() > limits.descriptors ? std::optional(Side::kAll) : std::nullopt;
  if (need.own > limits.first_client) return Side::kOwn;
  if (need.clients > limits.descriptors - limits.first_client) return Side::kClients;
  return std::nullopt;
}

/// A change that makes the configuration fit: this setting at `most` instead of `value`, all others
/// unchanged.
struct Remedy {
  Share share;
  std::size_t value;
  std::size_t most;
};

/// The largest value that fits; nothing when `least` does not fit either. Leaves `number` changed.
template <typename Integer, typename Fits>
std::optional<Remedy> lowered(const Share& share, Integer& number, std::size_t least, const Fits& fits) {
  const std::size_t value = number;
  const auto fits_with = [&](std::size_t other) {
    number = static_cast<Integer>(other);
    return fits();
  };
  std::size_t most = least;
  if (!fits_with(most)) return std::nullopt;
  for (std::size_t beyond = value; beyond - most > 1;) {
    const std::size_t middle = most + (beyond - most) / 2;
    (fits_with(middle) ? most : beyond) = middle;
  }
  return Remedy{share, value, most};
}

/// Nothing when the setting is not a number, or when no allowed value is small enough. `rest`: the need of
/// everything except this pool.
std::optional<Remedy> remedy_at(const Share& share, PoolConfig pool, const DescriptorNeed& rest,
                                const Limits& limits) {
  const auto fits = [&] { return !overfull(rest.plus(need_of(pool)), limits); };
  switch (share.setting) {
    case Setting::kQueue: return lowered(share, pool.queue.max, 1, fits);
    case Setting::kParked: return lowered(share, pool.keep_alive.max, 1, fits);
    case Setting::kHeld: return lowered(share, pool.connections_per_worker, 1, fits);
    case Setting::kWorkers:  // a pool without workers is no remedy
      return lowered(share, pool.workers, pool.elastic ? std::max(pool.elastic->min, 1U) : 1, fits);
    case Setting::kListeners:
    case Setting::kRejects:
    case Setting::kSupervisor: break;
  }
  return std::nullopt;
}

/// The first share that can make the configuration fit alone.
std::optional<Remedy> first_remedy(const Config& config, const std::vector<Share>& shares,
                                   const Limits& limits) {
  const DescriptorNeed all = sum_of(shares);
  for (const Share& share : shares) {
    const PoolConfig& pool = config.pools[share.pool];
    if (auto remedy = remedy_at(share, pool, all.minus(need_of(pool)), limits)) return remedy;
  }
  return std::nullopt;
}

/// "/pools/web/queue/max: 1024 (the default) is not allowed: "; empty if the configuration has no text.
std::string place_of(const Config& config, const Remedy& remedy) {
  const PoolConfig& pool = config.pools[remedy.share.pool];
  const auto place = place_of_key(config, pool, key_of(remedy.share.setting, pool));
  if (!place) return "";
  return fmt::format("{}: {}{} is not allowed: ", place->pointer, remedy.value,
                     place->written ? "" : " (the default)");
}

std::string name_of(const Config& config, const Share& share) {
  const PoolConfig& pool = config.pools[share.pool];
  const char* key = key_of(share.setting, pool);
  if (config.pools.size() == 1 || share.setting == Setting::kSupervisor) return key;
  return fmt::format("{} of pool {}", key, pool.name);
}

/// "1024 for queue.max, 70 for workers, 64 for the supervisor itself".
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
  return joined(parts);
}

/// Which descriptors are needed, and how many there are.
std::string shortage(const DescriptorNeed& need, const Limits& limits, Side side) {
  switch (side) {
    case Side::kAll: break;
    case Side::kOwn:
      return fmt::format(
          "workers, listeners and the control socket can need {} descriptors at a time, but the supervisor "
          "reserved {} for them when it started (higher numbers are for clients, and seccomp keeps the "
          "supervisor from reading them)",
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

/// What makes room without a smaller number. A running supervisor with seccomp divides the descriptors anew
/// only when it is restarted.
std::string way_to_raise(const DescriptorNeed& need, const Limits& limits, Side side) {
  const auto most = max_descriptors();
  const std::string limit = "(ulimit -Hn in a shell, LimitNOFILE= of systemd" +
                            (most && need.all() > *most ? "; that is above " + std::to_string(*most) +
                                                              ", so sysctl fs.nr_open first)"
                                                        : std::string(")"));
  if (side == Side::kAll) return "raise the limit " + limit;
  const std::string restart =
      "restart the supervisor with these numbers in its file, so that it reserves descriptors for them";
  if (need.all() <= limits.descriptors) return restart;
  return fmt::format("raise the limit of {}, of which {} are needed {}, and {}", limits.descriptors,
                     need.all(), limit, restart);
}

std::string refusal(const Config& config, const Limits& limits, Side side) {
  std::vector<Share> shares = shares_of(config);
  std::stable_sort(shares.begin(), shares.end(),
                   [side](const Share& a, const Share& b) { return a.on(side) > b.on(side); });
  const DescriptorNeed need = sum_of(shares);
  const std::string what =
      fmt::format("{}: {}", shortage(need, limits, side), breakdown(config, shares, side));
  const std::string otherwise = way_to_raise(need, limits, side);
  const auto remedy = first_remedy(config, shares, limits);
  if (!remedy)
    return fmt::format("{}; no single number can be small enough: make several smaller, or {}", what,
                       otherwise);
  return fmt::format("{}{}; make {} {} or less, or {}", place_of(config, *remedy), what,
                     name_of(config, remedy->share), remedy->most, otherwise);
}

}  // namespace

DescriptorNeed descriptors_needed(const Config& config) { return sum_of(shares_of(config)); }

Result<void> check_descriptor_budget(const Config& config, std::size_t limit, std::size_t first_client) {
  const Limits limits{limit, first_client};
  const auto side = overfull(descriptors_needed(config), limits);
  if (side) return Error{refusal(config, limits, *side)};
  return {};
}

int choose_first_client(const Config& config, std::size_t limit) {
  // Most of a small limit is for clients.
  const std::size_t least = std::min<std::size_t>(1024, limit / 4);
  const DescriptorNeed need = descriptors_needed(config);
  const std::size_t most = limit - need.clients;
  return static_cast<int>(std::min({std::max(2 * need.own, least), most, std::size_t{1} << 30}));
}

}  // namespace prefork
