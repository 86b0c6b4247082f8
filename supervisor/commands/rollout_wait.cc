#include "supervisor/commands/rollout_wait.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "supervisor/commands/command_line.h"
#include "supervisor/control/rollout_words.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

/// The pools of the configuration.
Json present_pools(const Json& status) {
  Json present = Json::object();
  for (const Json& pool : status.value("pools", Json::array())) {
    if (!pool.value("removed", false)) present[pool.value("name", "")] = pool;
  }
  return present;
}

bool is_over(RolloutOutcome outcome) {
  return outcome != RolloutOutcome::kStarting && outcome != RolloutOutcome::kOnTrial;
}

/// The generation that was started last has failed, and none serves in its place.
bool never_served(const Json& pool, const RolloutVerdict& last) {
  return last.outcome == RolloutOutcome::kFailed &&
         pool.value("generation", std::uint64_t{0}) == last.generation && pool.value("ready", 0U) == 0;
}

}  // namespace

Result<Json> RolloutWait::subscribe_and_ask() {
  if (auto subscribed = client_.call("subscribe", Json::object()); !subscribed) return subscribed.error();
  return status_of_same(client_, supervisor_);
}

Result<Json> RolloutWait::ask() {
  const auto status = status_of_same(client_, supervisor_);
  return status || client_.late() ? status : ask_next_program();
}

Result<Json> RolloutWait::ask_next_program() {
  auto next = ControlClient::connect(path_);
  if (!next) return ControlClient::lost(next.error());
  client_ = std::move(next).value();
  auto status = subscribe_and_ask();
  if (status || client_.late()) return status;
  // A supervisor that stops closes its listening socket a moment after the connections.
  const auto again = ControlClient::connect(path_);
  return again ? status : ControlClient::lost(again.error());
}

Result<void> RolloutWait::begin() {
  const auto status = subscribe_and_ask();
  if (!status) return status.error();
  const Json pools = present_pools(status.value());
  for (const auto& [name, pool] : pools.items()) {
    awaited_[name] = rollout_of(pool).verdict.generation;
    if (awaited_[name] == 0)
      return Error{
          "pool " + name +
          ": the supervisor does not tell what becomes of its rollouts, as earlier versions; upgrade "
          "it, or leave out --wait"};
  }
  return {};
}

int RolloutWait::wait(const std::string& pool) {
  auto status = ask();
  if (status) choose(status.value(), pool);
  if (status && awaited_.empty())
    output_.print_line(
        "no rollout has begun: there is nothing to wait for; what the program itself loads is not looked at: "
        "after a change of it use supervisor restart --wait");
  while (status && !awaited_.empty()) {
    settle(status.value());
    if (!awaited_.empty()) status = next_status();
  }
  if (!status) {
    print_error(status.error().message() + "; what has become of the rollout is not known");
    return kNo;
  }
  return all_took_over_ ? kFine : kNo;
}

void RolloutWait::choose(const Json& status, const std::string& wanted) {
  const auto before = std::exchange(awaited_, {});
  const Json pools = present_pools(status);
  for (const auto& [name, pool] : pools.items()) {
    const RolloutVerdict last = rollout_of(pool).verdict;
    const auto known = before.find(name);
    const bool begun = known == before.end() || last.generation != known->second;
    const bool over = is_over(last.outcome);
    if ((!wanted.empty() && name != wanted) || last.generation == 0) continue;
    if (over && !begun && !never_served(pool, last)) continue;
    awaited_[name] = last.generation;
    if (!over)
      output_.print_line("pool " + name + ": generation " + std::to_string(last.generation) +
                         (last.outcome == RolloutOutcome::kOnTrial ? " is on trial" : " starts"));
  }
}

void RolloutWait::settle(const Json& status) {
  if (status.value("stopping", false)) {
    for (const auto& [pool, generation] : awaited_) failed(pool, "the supervisor is stopping");
    return awaited_.clear();
  }
  const Json pools = present_pools(status);
  std::erase_if(awaited_, [&](const auto& one) {
    const auto pool = pools.find(one.first);
    return settle(one.first, one.second, pool == pools.end() ? Json() : *pool);
  });
}

bool RolloutWait::settle(const std::string& pool, std::uint64_t generation, const Json& status) {
  const std::string name = "generation " + std::to_string(generation);
  if (status.is_null()) return failed(pool, "it is not in the configuration any more"), true;
  const RolloutVerdict last = rollout_of(status).verdict;
  const bool serves = status.value("generation", std::uint64_t{0}) == generation;
  const bool overtaken = last.generation != generation;
  if (!overtaken && !is_over(last.outcome)) return false;
  if (overtaken ? serves : last.outcome == RolloutOutcome::kTookOver) {
    const bool untried = status.value("wanted", std::uint64_t{1}) == 0;
    output_.print_line("pool " + pool + ": " + name + " has taken over" +
                       (untried ? ", untried: the pool is to have no workers now" : ""));
  } else if (overtaken) {
    failed(pool, name + " has not taken over: generation " + std::to_string(last.generation) +
                     " has been requested since");
  } else if (last.outcome == RolloutOutcome::kAbandoned) {
    failed(pool, name + " has not taken over: its trial was abandoned");
  } else {
    for (const std::string& line : last.output) print_error("pool " + pool + ": last wrote: " + line);
    failed(pool,
           name + " has failed: " + last.text +
               (serves ? "; others are still started"
                       : "; generation " + std::to_string(status.value("generation", 0)) + " serves on"));
  }
  return true;
}

void RolloutWait::failed(const std::string& pool, const std::string& what) {
  all_took_over_ = false;
  print_error("pool " + pool + ": " + what);
}

Result<Json> RolloutWait::next_status() {
  while (const auto event = client_.next_event()) {
    const std::string name = event->value("event", "");
    // A pool that is removed or stops has no further verdict: a reload or a death is a sign of that.
    if (name == "rollout" || name == "reload" || name == "worker_died") return ask();
  }
  return ask_next_program();
}

}  // namespace prefork
