// The part of Supervisor that puts a configuration into force, at start and on SIGHUP: all of it or nothing.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "config/changes.h"
#include "config/changes_words.h"
#include "config/control_path.h"
#include "config/privileges.h"
#include "config/warnings.h"
#include "proto/joined.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/app/supervisor.h"
#include "supervisor/system/config_lock.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/give_up_root.h"
#include "supervisor/system/worker_users.h"

namespace prefork {
namespace {

/// Whom the supervisor becomes when it gives up root.
Identity own_identity(const Config& config, const std::string& config_file) {
  if (config.supervisor_identity) return *config.supervisor_identity;
  return identity_without_account(config_file, config);
}

/// Whether this process has given up root, and become somebody else.
bool became_another_than(const Identity& identity, pid_t spawner) {
  return can_change_user(spawner) && !can_change_user(0) &&
         (identity.uid != ::geteuid() || identity.gid != ::getegid());
}

}  // namespace

Result<void> Supervisor::start(const Config& config, Fd config_lock) {
  config_lock_ = std::move(config_lock);
  spawner_.begin();
  file_keys_ = config;
  std::vector<std::string> changes;
  return apply(config, changes);
}

void Supervisor::on_hup() {
  if (!stopping_) (void)reload();
}

ReloadVerdict Supervisor::reload() {
  if (stopping_) return {false, {}, {"the supervisor is stopping"}};
  service_.reloading();
  ReloadVerdict verdict = apply_file();
  service_.reloaded();
  control_.publish(control_event::Reloaded{verdict});
  // Parsing takes far more memory than the result.
  (void)::malloc_trim(0);
  return verdict;
}

ReloadVerdict Supervisor::apply_file() {
  ReloadVerdict verdict;
  auto loaded = load_config(options_.config_file, options_.search);
  if (const auto* problems = std::get_if<ConfigProblems>(&loaded)) {
    for (const ConfigProblem& problem : *problems) {
      verdict.mistakes.push_back(problem.message());
      log_.error("{}", verdict.mistakes.back());
    }
    log_.error("reload refused, nothing has changed: {} {} in {}", problems->size(),
               problems->size() == 1 ? "mistake" : "mistakes", options_.config_file);
  } else if (auto applied = apply(std::get<Config>(loaded), verdict.changes); !applied) {
    verdict.mistakes.push_back(applied.error().message());
    log_.error("reload refused, nothing has changed: {}", verdict.mistakes.back());
  } else {
    verdict.applied = true;
    renew_lock();
  }
  return verdict;
}

Result<std::optional<ListenSocket>> Supervisor::open_control(const Config& config) {
  if (config.control.empty() || config.control == control_.path()) return std::optional<ListenSocket>();
  auto socket = ListenSocket::open(control_address(config.control));
  if (!socket) return Error{"control socket: " + socket.error().message()};
  return std::optional<ListenSocket>(std::move(socket).value());
}

void Supervisor::use_control(const Config& config, std::optional<ListenSocket> socket,
                             std::vector<std::string>& changes) {
  if (config.control == control_.path()) return;
  control_.listen(std::move(socket));
  changes.push_back(config.control.empty() ? "control socket closed" : "control socket at " + config.control);
  log_.info("{}", changes.back());
}

Result<void> Supervisor::settle_privileges(const Config& config) {
  const bool as_root = can_change_user(spawner_.pid());
  for (const std::string& warning : privilege_warnings(config, options_.config_file, as_root))
    log_.warn("{}", warning);
  hide_from_own_user();
  if (!can_change_user(0) || !every_pool_has_user(config)) return {};
  if (!pools_.empty()) {
    // What runs may need root again, should it be restarted or the rollout of this fail.
    log_.warn("every pool has a user now: restart the supervisor, and it gives up root");
    return {};
  }
  if (auto renounced = spawner_.renounce_root(); !renounced) return renounced;
  if (auto given_up = give_up_root(own_identity(config, options_.config_file)); !given_up) return given_up;
  log_.info("gave up root: user {}, group {} from now on", ::geteuid(), ::getegid());
  return {};
}

Result<void> Supervisor::protect_clients(const Config& config) {
  if (!pools_.empty()) return {};  // what runs stays as it is
  const int first = choose_first_client(config, descriptor_limit());
  clients_.reserve(first);
  if (!config.seccomp.value_or(true)) return {};
  if (auto guarded = clients_.protect(first); !guarded) {
    const std::string why = guarded.error().message();
    if (config.seccomp)
      return Error{"client sockets cannot be made unreadable, as \"seccomp\" demands: " + why};
    log_.warn("client sockets are not made unreadable by the kernel: {}", why);
    return {};
  }
  log_.info("client sockets cannot be read by the supervisor: seccomp, from descriptor {} on",
            clients_.first());
  return {};
}

void Supervisor::note_file_keys(const Config& config, std::vector<std::string>& changes) {
  const auto say = [&](std::string line) {
    log_.info("{}", line);
    changes.push_back(std::move(line));
  };
  const std::string later = ": takes effect when the supervisor is restarted";
  const bool seccomp = config.seccomp.value_or(true);
  Keys at_once;
  for (const std::string_view key : compare_file_keys(file_keys_, config)) {
    if (key == "log.level" || key == "stop_timeout") at_once.push_back(key);
    if (key == "seccomp" && seccomp != clients_.are_protected())
      say(std::string("seccomp ") + (seccomp ? "on" : "off") + later);
    if (key == "supervisor_user" &&
        became_another_than(own_identity(config, options_.config_file), spawner_.pid()))
      say("supervisor_user" + later);
  }
  if (!at_once.empty()) say("supervisor: reloaded, " + joined(at_once));
}

void Supervisor::renew_lock() {
  if (locks(config_lock_, options_.config_file)) return;
  // The file was replaced by another of the same name.
  if (auto lock = lock_config(options_.config_file)) {
    config_lock_ = std::move(lock).value();
  } else {
    log_.warn("{}", lock.error().message());
  }
}

void Supervisor::vacate(const ListenAddress& address) {
  for (const auto& pools : {&pools_, &leaving_}) {
    for (const auto& pool : *pools) pool->vacate(address);
  }
}

ListenSocket* Supervisor::listening_at(const ListenAddress& address, const std::string& pool_name) {
  ListenSocket* elsewhere = nullptr;
  for (const auto& pool : pools_) {
    ListenSocket* socket = pool->listening_at(address);
    if (socket != nullptr && pool->config().name == pool_name) return socket;
    if (elsewhere == nullptr) elsewhere = socket;
  }
  return elsewhere;
}

Result<ListenSocket> Supervisor::open_socket(const ListenAddress& address) const {
  if (address.kind != ListenAddress::Kind::kSystemd) return ListenSocket::open(address);
  auto handed_over = options_.activated.find(address.path);
  if (!handed_over) return handed_over.error();
  return ListenSocket::activated(address, std::move(handed_over).value());
}

Result<Supervisor::Sockets> Supervisor::open_sockets(const Config& config) {
  Sockets sockets;
  for (const PoolConfig& pool : config.pools) {
    sockets.emplace_back();
    for (const ListenAddress& address : pool.listen) {
      const ListenSocket* running = listening_at(address, pool.name);
      if (running == nullptr) vacate(address);
      auto socket = running == nullptr ? open_socket(address) : running->share(address);
      if (!socket) return socket.error();
      sockets.back().push_back(std::move(socket).value());
    }
  }
  return sockets;
}

Result<void> Supervisor::apply(const Config& config, std::vector<std::string>& changes) {
  if (auto fits = check_descriptor_budget(config, descriptor_limit(), clients_.unreadable_from()); !fits)
    return Error{options_.config_file + ": " + fits.error().message()};
  if (auto users = check_users(config, spawner_.pid()); !users) return users;
  auto sockets = open_sockets(config);
  if (!sockets) return sockets.error();
  auto control = open_control(config);
  if (!control) return control.error();
  if (auto settled = settle_privileges(config); !settled) return settled;
  if (auto guarded = protect_clients(config); !guarded) return guarded;
  for (const std::string& warning : setting_warnings(config, options_.config_file)) log_.warn("{}", warning);
  // From here on nothing is refused any more. All listeners find their next owner before the first one is
  // closed.
  note_file_keys(config, changes);
  use_control(config, std::move(control).value(), changes);
  for (std::size_t i = 0; i < config.pools.size(); ++i) take_over(config.pools[i], sockets.value()[i]);
  std::vector<std::unique_ptr<PoolRunner>> pools;
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    pools.push_back(apply(config.pools[i], config.stop_timeout, std::move(sockets.value()[i]), changes));
  }
  for (auto& removed : pools_) {
    if (!removed) continue;
    changes.push_back("pool " + removed->config().name + ": not in the configuration any more; stopping");
    log_.info("{}", changes.back());
    removed->leave(config_text_);
    leaving_.push_back(std::move(removed));
  }
  pools_ = std::move(pools);
  file_keys_ = config;
  config_text_ = config.text;
  log_.set_level(config.log_level);
  return {};
}

void Supervisor::take_over(const PoolConfig& config, std::vector<ListenSocket>& sockets) {
  for (ListenSocket& socket : sockets) {
    ListenSocket* running = listening_at(socket.address(), config.name);
    if (running == nullptr) {
      log_.info("pool {}: listening on {}", config.name, socket.name());
    } else if (auto taken = socket.take_over(*running); !taken) {
      log_.error("{}", taken.error().message());
    }
  }
}

std::unique_ptr<PoolRunner> Supervisor::apply(const PoolConfig& config, Milliseconds stop_timeout,
                                              std::vector<ListenSocket> sockets,
                                              std::vector<std::string>& changes) {
  const auto present = std::find_if(pools_.begin(), pools_.end(), [&](const auto& pool) {
    return pool != nullptr && pool->config().name == config.name;
  });
  if (present == pools_.end()) {
    changes.push_back("pool " + config.name + ": new");
    return std::make_unique<PoolRunner>(surroundings(), config, stop_timeout, std::move(sockets));
  }
  const PoolChanges differences = compare((*present)->config(), config);
  changes.push_back("pool " + config.name + ": reloaded, " + in_words(differences, config));
  log_.info("{}", changes.back());
  (*present)->reconfigure(config, stop_timeout, std::move(sockets), !differences.workers_replaced.empty());
  return std::move(*present);
}

}  // namespace prefork
