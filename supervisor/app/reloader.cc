#include "supervisor/app/reloader.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "config/changes.h"
#include "config/changes_words.h"
#include "config/control_path.h"
#include "config/load.h"
#include "proto/counted.h"
#include "proto/joined.h"
#include "proto/utf8.h"
#include "supervisor/app/descriptor_budget.h"
#include "supervisor/loop/log_sink.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/descriptor_limits.h"
#include "supervisor/system/own_scheduling.h"
#include "supervisor/system/worker_users.h"

namespace prefork {
namespace {

/// What the status shows of the mistakes of a reload.
std::vector<std::string> first_of(const std::vector<std::string>& mistakes) {
  constexpr std::size_t kLongest = 1000;
  std::vector<std::string> first;
  for (const std::string& mistake : mistakes) {
    if (first.size() < LastReload::kMaxMistakes)
      first.emplace_back(cut_between_characters(mistake, kLongest));
  }
  return first;
}

/// A worker with one slot has nothing to do until the supervisor has read its record, and so the supervisor
/// may interrupt what runs. A worker with more slots has other connections meanwhile.
bool may_wait_for_workers(const Config& config) {
  return std::all_of(config.pools.begin(), config.pools.end(), [](const PoolConfig& pool) {
    return pool.connections_per_worker > 1 &&
           pool.scheduling.value_or(Scheduling::kBatch) == Scheduling::kBatch;
  });
}

}  // namespace

Reloader::Reloader(Source source, const Parts& parts)
    : source_(std::move(source)), parts_(parts), default_control_(source_.given ? "" : source_.file) {}

Result<void> Reloader::start(const Config& config, const StartAnswers& answers) {
  keys_ = config;
  Changes changes;
  return apply(config, answers.warnings, &answers, changes);
}

ConfigRequest Reloader::request() const {
  ConfigRequest request;
  request.file = source_.file;
  request.given = source_.given;
  request.search = source_.search;
  const StarterRights rights = rights_of(parts_.spawner.pid());
  request.as_root = rights.any_user;
  request.higher_limits = rights.higher_limits;
  request.text_in_force = text_;
  request.answers_in_force.supervisor_identity = keys_.supervisor_identity;
  request.answers_in_force.admin = answers_in(keys_.admin);
  for (const auto& pool : parts_.pools.present())
    request.answers_in_force.pools.push_back(answers_in(pool->config()));
  return request;
}

ReloadVerdict Reloader::reload(const Result<ConfigAnswer>& answer) {
  ReloadVerdict verdict;
  auto applied = answer ? apply_answer(answer.value(), verdict) : Result<void>(answer.error());
  verdict.applied = applied.ok();
  if (applied) verdict.warnings = answer.value().warnings;
  if (!applied) {
    if (verdict.mistakes.empty()) verdict.mistakes.push_back(applied.error().message());
    parts_.log.error("reload refused, nothing has changed: {}", applied.error().message());
  }
  ++(verdict.applied ? counts_.applied : counts_.refused);
  last_ = LastReload{verdict.applied, current_time(), verdict.mistakes.size(), first_of(verdict.mistakes)};
  return verdict;
}

Result<void> Reloader::apply_answer(const ConfigAnswer& answer, ReloadVerdict& verdict) {
  ConfigInForce read;
  verdict.mistakes = answer.mistakes;
  if (verdict.mistakes.empty())
    read = read_in_force({answer.text, &answer.answers, /*examined=*/true}, source_.file, {});
  for (const ConfigProblem& problem : read.mistakes) verdict.mistakes.push_back(problem.message());
  if (verdict.mistakes.empty())
    return apply(read.config, answer.warnings, /*at_start=*/nullptr, verdict.changes);
  for (const std::string& mistake : verdict.mistakes) parts_.log.error("{}", mistake);
  return Error{counted(verdict.mistakes.size(), "mistake") + " in " + source_.file};
}

Result<void> Reloader::apply(Config config, const std::vector<std::string>& warnings,
                             const StartAnswers* at_start, Changes& changes) {
  const std::size_t first_client = parts_.clients.unreadable_from();
  if (auto fits = check_descriptor_budget(config, descriptor_limit(), first_client); !fits)
    return Error{source_.file + ": " + fits.error().message()};
  if (auto users = check_users(config, user_rights(parts_.spawner.pid())); !users) return users;
  // The control socket first: it shows best that another supervisor runs with the file.
  auto control = open_control(config);
  if (!control) return control.error();
  auto log_file = open_log_file(config);
  if (!log_file) return log_file.error();
  if (at_start != nullptr) parts_.admin.set_identity(at_start->admin);
  if (auto user = parts_.admin.check_user(config.admin); !user) return user;
  // Clients connect to a new socket at once, and lose their connection if it is closed again: hence the last.
  const SocketOpener opener(parts_.log, parts_.pools, source_.activated, parts_.admin.running_sockets());
  auto opened = opener.open(config);
  if (!opened) return opened.error();
  for (const std::string& warning : warnings) parts_.log.warn("{}", warning);
  if (auto settled = settle_privileges(config, at_start, parts_.spawner, parts_.log); !settled)
    return settled;
  schedule_as_batch(may_wait_for_workers(config));
  if (at_start != nullptr) {
    if (auto guarded = protect_clients(config, parts_.clients, parts_.log); !guarded) return guarded;
    parts_.confined();
  }
  // From here on nothing is refused. Every listening socket finds its next owner before the first listener is
  // closed.
  if (log_file.value()) parts_.log.sink().go_on_in(config.log_file, std::move(*log_file.value()));
  report_file_keys(config, changes);
  use_control(config, std::move(control).value(), changes);
  std::vector<std::vector<ListenSocket>> sockets;
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    sockets.push_back(take_over(config.pools[i], std::move(opened.value().pools[i]), changes));
  parts_.admin.use(config.admin, std::move(opened.value().admin), std::move(opened.value().agent));
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    apply_pool(config.pools[i], config.stop_timeout, std::move(sockets[i]), changes);
  remove_pools_missing_in(config, changes);
  parts_.pools.order_as(config.pools);
  keys_ = config;
  text_ = config.text;
  parts_.log.set_level(config.log_level);
  parts_.log.set_format(config.log_format);
  return {};
}

void Reloader::apply_pool(const PoolConfig& config, Milliseconds stop_timeout,
                          std::vector<ListenSocket> sockets, Changes& changes) {
  PoolRunner* present = parts_.pools.find(config.name);
  if (present == nullptr) {
    changes.push_back("pool " + config.name + ": added");
    parts_.pools.add(config, stop_timeout, std::move(sockets));
    return;
  }
  PoolChanges differences = compare(present->config(), config);
  const auto effect = present->effect_of(config, sockets, !differences.workers_replaced.empty());
  if (effect == PoolRunner::Reload::kAlreadyRun) differences.already_run.swap(differences.workers_replaced);
  // The number of the file replaces one that was set while the supervisor ran.
  if (differences.size.empty() && present->limit() != config.workers)
    differences.size.emplace_back(config.elastic ? "workers.max" : "workers");
  const bool again = effect == PoolRunner::Reload::kTriedAgain;
  report_pool(changes, config.name,
              "reloaded, " + in_words(differences, config) +
                  (again ? "; the rollout that failed is tried again" : ""));
  present->reconfigure(config, stop_timeout, std::move(sockets), effect);
}

void Reloader::remove_pools_missing_in(const Config& config, Changes& changes) {
  std::vector<PoolRunner*> missing;
  for (const auto& pool : parts_.pools.present()) {
    if (find_pool(config, pool->config().name) == nullptr) missing.push_back(pool.get());
  }
  for (PoolRunner* pool : missing) {
    report_pool(changes, pool->config().name, "not in the configuration any more; stopping");
    parts_.pools.remove(*pool, text_);
  }
}

std::vector<ListenSocket> Reloader::take_over(const PoolConfig& config, OpenedSockets opened,
                                              Changes& changes) {
  std::vector<ListenSocket> sockets;
  for (OpenedSocket& one : opened) {
    if (one.running == nullptr) {
      parts_.log.info("{}: listening on {}", LogSubject{.pool = config.name}, one.socket.name());
    } else if (auto taken = one.socket.take_over(*one.running); !taken) {
      parts_.log.error("{}; this listener stays as it was until the next reload", taken.error().message());
      changes.push_back(taken.error().message() + "; this listener stays as it was until the next reload");
    }
    sockets.push_back(std::move(one.socket));
  }
  return sockets;
}

std::optional<ListenSocket> Reloader::open_default_control(Config& config) {
  config.control = default_control_.path();
  const bool listens = config.control == parts_.control.path();
  if (listens && !parts_.control.file_is_gone()) return std::nullopt;
  auto fits = check_descriptor_budget(config, descriptor_limit(), parts_.clients.unreadable_from());
  if (fits) {
    auto socket = default_control_.open();
    if (socket) return std::move(socket).value();
    fits = socket.error();
  }
  parts_.log.warn(
      "no control socket, so the commands cannot reach this supervisor: {}; \"control\" may name another "
      "path, or be false",
      fits.error().message());
  if (!listens) config.control.clear();
  return std::nullopt;
}

void Reloader::open_missing_control() {
  if (!keys_.control_by_default || !parts_.control.path().empty()) return;
  Config config;
  static_cast<FileKeys&>(config) = keys_;
  for (const auto& pool : parts_.pools.present()) config.pools.push_back(pool->config());
  if (auto socket = open_default_control(config)) {
    parts_.log.info("control socket at {}", config.control);
    parts_.control.listen(std::move(socket));
  }
}

Result<std::optional<ListenSocket>> Reloader::open_control(Config& config) {
  if (config.control_by_default) return open_default_control(config);
  if (config.control.empty()) return std::optional<ListenSocket>();
  const ListenAddress address = control_address(config.control);
  if (config.control == parts_.control.path()) {
    return parts_.control.file_is_gone() ? SocketOpener::open_anew(address, parts_.log, "control socket: ")
                                         : std::optional<ListenSocket>();
  }
  auto socket = ListenSocket::open(address);
  if (!socket) return Error{"control socket: " + socket.error().message()};
  return std::optional<ListenSocket>(std::move(socket).value());
}

Result<std::optional<Fd>> Reloader::open_log_file(const Config& config) const {
  NonBlockingSink& log = parts_.log.sink();
  if (config.log_file == log.path()) return std::optional<Fd>();
  if (config.log_file.empty()) return std::optional<Fd>(Fd());
  auto file = log.open_file(config.log_file, std::chrono::steady_clock::now() + kLogPatience);
  if (!file) {
    const bool denied = file.error().code.value() == EACCES;
    return Error{source_.file + ": /log/file: " + file.error().message() +
                 (denied ? "; let this user write there, or choose another place" : "")};
  }
  return std::optional<Fd>(std::move(file).value());
}

void Reloader::use_control(const Config& config, std::optional<ListenSocket> socket, Changes& changes) {
  if (config.control == parts_.control.path() && !socket) return;
  parts_.control.listen(std::move(socket));
  report(changes, config.control.empty() ? "control socket closed" : "control socket at " + config.control);
}

void Reloader::report_file_keys(const Config& config, Changes& changes) {
  const std::string later = ": takes effect when the supervisor is restarted";
  const bool seccomp = config.seccomp.value_or(true);
  Keys at_once;
  for (const std::string_view key : compare_file_keys(keys_, config)) {
    if (key == "log.level" || key == "log.file" || key == "log.format" || key == "stop_delay" ||
        key == "stop_timeout" || key == "agent" || key.starts_with("admin"))
      at_once.push_back(key);
    if (key == "seccomp" && seccomp != parts_.clients.are_protected())
      report(changes, std::string("seccomp ") + (seccomp ? "on" : "off") + later);
    if (key == "supervisor_user" && runs_as_another_user(config, parts_.spawner))
      report(changes, "supervisor_user" + later);
  }
  if (!at_once.empty()) report(changes, "supervisor: reloaded, " + joined(at_once));
}

void Reloader::report(Changes& changes, std::string line) {
  parts_.log.info("{}", line);
  changes.push_back(std::move(line));
}

void Reloader::report_pool(Changes& changes, const std::string& pool, const std::string& what) {
  parts_.log.info("{}: {}", LogSubject{.pool = pool}, what);
  changes.push_back("pool " + pool + ": " + what);
}

void Reloader::write_state(SupervisorState& state) const {
  state.config_file = source_.file;
  state.config_given = source_.given;
  state.activated = source_.activated.state();
  state.running.config_text = text_;
  state.reload = last_;
  state.reloads = counts_;
  state.control.default_path = default_control_.path();
  if (!state.running.answers) state.running.answers.emplace();
  state.running.answers->supervisor_identity = keys_.supervisor_identity;
  state.running.answers->admin = answers_in(keys_.admin);
}

void Reloader::adopt(const SupervisorState& state, const Config& config) {
  Fd(static_cast<int>(state.config_lock)).reset();
  text_ = state.running.config_text;
  last_ = state.reload;
  counts_ = state.reloads;
  keys_ = config;
  schedule_as_batch(may_wait_for_workers(config));
  default_control_.adopt(state.control.default_path);
}

}  // namespace prefork
