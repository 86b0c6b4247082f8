#include "supervisor/app/reload_rounds.h"

namespace prefork {
namespace {

/// The running program, even if its file was replaced.
constexpr const char* kThisProgram = "/proc/self/exe";

}  // namespace

ReloadRounds::ReloadRounds(const Loop& loop, Log& log, Reloader& reloader, Owner& owner)
    : reloader_(reloader),
      owner_(owner),
      begin_timer_(loop),
      reading_(loop, log, static_cast<ConfigReading::Owner&>(*this), kThisProgram, {}) {}

std::uint64_t ReloadRounds::request() {
  if (!under_way()) begin_timer_.start(Duration::zero(), Callback::to<&ReloadRounds::begin>(*this));
  wanted_ = true;
  return round_ + 1;
}

void ReloadRounds::begin() {
  wanted_ = false;
  ++round_;
  owner_.reload_begins();
  reading_.start(reloader_.request());
}

void ReloadRounds::config_read(const Result<ConfigAnswer>& answer) {
  owner_.reload_ended(round_, reloader_.reload(answer));
  if (wanted_) begin_timer_.start(Duration::zero(), Callback::to<&ReloadRounds::begin>(*this));
}

void ReloadRounds::cancel() {
  if (!under_way()) return;
  reading_.stop();
  begin_timer_.stop();
  if (wanted_) ++round_;
  wanted_ = false;
  config_read(Error{"the supervisor is stopping"});
}

}  // namespace prefork
