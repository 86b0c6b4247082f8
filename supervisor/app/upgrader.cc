#include "supervisor/app/upgrader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "supervisor/state/state_file.h"
#include "supervisor/system/own_process.h"
#include "supervisor/system/replace_program.h"
#include "supervisor/version.h"

namespace prefork {
namespace {

std::set<std::string> texts_in(const SupervisorState& state) {
  std::set<std::string> texts{state.running.config_text};
  for (const PoolsState& pools : state.leaving) texts.insert(pools.config_text);
  return texts;
}

}  // namespace

Upgrader::Upgrader(NextProgram next, Loop& loop, Log& log, EventSink& events,
                   const ClientDescriptors& clients, Subject& subject)
    : next_(std::move(next)),
      loop_(loop),
      log_(log),
      events_(events),
      clients_(clients),
      subject_(subject),
      retry_(loop),
      log_retry_(loop),
      check_(loop, static_cast<UpgradeCheck::Owner&>(*this)) {}

Result<void> Upgrader::begin() {
  const bool another = under_way();
  auto begun = start();
  if (begun) return begun;
  if (another) {
    log_.warn("upgrade: the request is refused: {}", begun.error().message());
  } else {
    upgrade_refused(begun.error().message());
  }
  return begun;
}

Result<void> Upgrader::start() {
  if (subject_.stopping()) return Error{"the supervisor is stopping"};
  if (under_way()) return Error{"another upgrade is under way"};
  blocked_ = 0;
  return examine();
}

Result<void> Upgrader::examine() {
  auto file = FileIdentity::of(next_.path);
  if (!file) return file.error();
  if (!subject_.settle_sockets()) return wait_for_sockets();
  const SupervisorState state = subject_.state();
  auto sealed = seal_state(encode_state(state));
  if (!sealed) return sealed.error();
  if (auto started = check_.start(next_.path, sealed.value()); !started) return started;
  examined_ = file.value();
  examined_texts_ = texts_in(state);
  log_.info("upgrade: examining {}", next_.path);
  return {};
}

Result<void> Upgrader::wait_for_sockets() {
  if (++blocked_ > kMaxBlocked) return Error{"a process blocks a client's socket; try again"};
  retry_.start(kBlockedRetry, Callback::to<&Upgrader::go_on>(*this));
  return {};
}

void Upgrader::go_on() {
  if (due_) return;  // the loop asks ready()
  if (auto begun = examine(); !begun) upgrade_refused(begun.error().message());
}

void Upgrader::cancel() {
  const bool waits = retry_.active() || check_.running();
  retry_.stop();
  log_retry_.stop();
  check_.stop();
  if (!std::exchange(due_, false) && !waits) return;
  log_.hold(false);
  upgrade_refused("the supervisor is stopping");
}

void Upgrader::upgrade_refused(const std::string& why) {
  ++counts_.refused;
  if (subject_.stopping()) {
    log_.error("upgrade refused: {}", why);
  } else {
    log_.error("upgrade refused, supervisor {} goes on: {}", kVersion, why);
  }
  events_.publish(control_event::UpgradeRefused{why});
}

void Upgrader::upgrade_proven(const std::string& version) {
  log_.info("upgrade: {} takes over", version);
  due_ = true;
  blocked_ = 0;
}

bool Upgrader::ready() {
  if (!due_) return false;
  const bool settled = !retry_.active() && subject_.settled();
  // Another thread opens a file for longer than the log may be held: its lines would be dropped.
  const bool opening = log_.still_opening();
  log_.hold(settled && !opening);
  if (!settled || !(opening || log_.writing())) {
    log_retry_.stop();
    log_waits_ = 0;
    return settled;
  }
  if (!log_retry_.active()) log_retry_.start(kLogLook, Callback::to<&Upgrader::wait_for_log>(*this));
  return false;
}

void Upgrader::wait_for_log() {
  if (++log_waits_ != kLogWaits) return;
  log_.warn("upgrade: the disk of {} does not answer; the upgrade waits for it",
            log_.still_opening() ? "a log file that a reload has named" : "the log");
}

void Upgrader::hand_over() {
  due_ = false;
  // From here on signals wait for the next program. Signals that have been caught before are handled first.
  block_signals();
  handing_over_ = true;
  loop_.run_once();
  handing_over_ = false;
  if (!subject_.stopping() && !subject_.settled()) {
    due_ = true;  // one of the signals was for a reload
  } else if (auto replaced = replace_by_proven(); !replaced) {
    due_ = false;
    upgrade_refused(replaced.error().message());
  }
  unblock_signals();
  if (!due_) log_.hold(false);
}

Result<void> Upgrader::replace_by_proven() {
  if (subject_.stopping()) return Error{"the supervisor is stopping"};
  auto file = FileIdentity::of(next_.path);
  if (!file) return file.error();
  if (!examined_ || !(file.value() == *examined_))
    return Error{next_.path + " was replaced once more while it was examined; try again"};
  if (!subject_.settle_sockets()) {
    due_ = true;
    return wait_for_sockets();
  }
  SupervisorState state = subject_.final_state();
  // Nothing leads back once the exec has happened: what this program would refuse must be known before.
  const std::set<std::string> texts = texts_in(state);
  if (!std::includes(examined_texts_.begin(), examined_texts_.end(), texts.begin(), texts.end())) {
    log_.info("upgrade: a reload has changed the configuration meanwhile; it is examined again");
    return start();
  }
  state.config_examined = true;
  auto sealed = seal_state(encode_state(state));
  if (!sealed) return sealed.error();
  if (auto own = clients_.check_own(sealed.value().get()); !own) return own;  // the new program reads it
  std::vector<int> descriptors = descriptors_in(state);
  descriptors.push_back(sealed.value().get());
  return replace_program(
      next_.path, {next_.path, "-c", next_.config_file, "--adopt", std::to_string(sealed.value().get())},
      descriptors);
}

}  // namespace prefork
