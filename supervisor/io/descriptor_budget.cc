#include "supervisor/io/descriptor_budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "supervisor/io/control_socket.h"
#include "supervisor/io/farewell.h"

namespace prefork {
namespace {

/// The loop, signals, log, lock, spawners and what libraries open for a moment.
constexpr std::size_t kBaseDescriptors = 64;

}  // namespace

DescriptorNeed descriptors_needed(const Config& config) {
  DescriptorNeed need{.own = kBaseDescriptors, .clients = 0};
  if (!config.control.empty()) need.own += ControlSocket::kMaxClients + 2;
  for (const PoolConfig& pool : config.pools) {
    // While workers are replaced there may be a quarter more, and one in the place of each that is stopped or
    // hangs, up to a quarter; each has a channel, a pidfd, and a pipe for its output.
    const std::size_t processes = pool.workers + pool.workers / 4 * 3 + pool.recycle.at_once + 5;
    need.own += pool.listen.size() * 2 + processes * (pool.output == Output::kPrefix ? 3 : 2);
    need.clients += pool.queue.max;
    // Without a number of its own the lobby takes what is left, and makes room when nothing is.
    if (pool.keep_alive.park) need.clients += pool.keep_alive.max;
    need.clients += std::size_t{pool.workers} * (pool.hold == Hold::kDone ? pool.connections_per_worker : 1);
    if (!pool.queue.reject_with.empty()) need.clients += Farewell::kMax;
  }
  return need;
}

Result<void> check_descriptor_budget(const Config& config, std::size_t limit, std::size_t first_client) {
  const DescriptorNeed need = descriptors_needed(config);
  if (need.all() > limit) {
    return Error{fmt::format(
        "the configuration can need {} descriptors at a time (workers, queue, connections held), but the "
        "limit is {}; make workers, queue or keep_alive.max smaller, or raise the limit (ulimit -Hn, "
        "LimitNOFILE=)",
        need.all(), limit)};
  }
  if (first_client == 0) return {};
  if (need.own > first_client) {
    return Error{fmt::format(
        "workers, listeners and the control socket can need {} descriptors at a time, but the supervisor has "
        "kept {} for them when it started: those from there on are for clients, and seccomp keeps it from "
        "reading them; make workers smaller, or restart the supervisor",
        need.own, first_client)};
  }
  if (need.clients > limit - first_client) {
    return Error{fmt::format(
        "the queue and connections held can need {} descriptors at a time, but for clients there are {}, "
        "from {} to the limit of {}, since the supervisor started with seccomp; make queue or "
        "keep_alive.max smaller, or restart the supervisor",
        need.clients, limit - first_client, first_client, limit)};
  }
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
