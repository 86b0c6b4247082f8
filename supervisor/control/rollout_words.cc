#include "supervisor/control/rollout_words.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "supervisor/control/describe.h"
#include "supervisor/control/json_text.h"

namespace prefork {
namespace {

constexpr std::array<std::pair<RolloutOutcome, std::string_view>, 5> kOutcomes = {
    {{RolloutOutcome::kStarting, "starting"},
     {RolloutOutcome::kOnTrial, "on_trial"},
     {RolloutOutcome::kTookOver, "took_over"},
     {RolloutOutcome::kFailed, "failed"},
     {RolloutOutcome::kAbandoned, "abandoned"}}};

/// A member; `otherwise` when it is missing or of another type.
template <typename T>
T member_or(const nlohmann::ordered_json& object, const char* key, T otherwise) {
  try {
    return object.value(key, otherwise);
  } catch (const nlohmann::json::exception&) {
    return otherwise;
  }
}

}  // namespace

std::string describe(const RolloutVerdict& verdict, std::optional<Duration> ago, bool wanted) {
  const std::string generation = "generation " + std::to_string(verdict.generation);
  const std::string time = ago ? describe(*ago) : "";
  const std::string when = ago ? " " + time + " ago" : " (not known when)";
  switch (verdict.outcome) {
    case RolloutOutcome::kStarting: return generation + (ago ? " has been starting for " + time : " starts");
    case RolloutOutcome::kOnTrial:
      return generation + (ago ? " has been on trial for " + time : " is on trial");
    case RolloutOutcome::kTookOver:
      if (wanted) return generation + " took over" + when;
      // Without a worker it was perhaps never tried.
      return generation + (ago ? " has been in force for " + time : " is in force") +
             ", and is to have no workers now";
    case RolloutOutcome::kFailed: return generation + " failed" + when + ": " + verdict.text;
    case RolloutOutcome::kAbandoned: return "the trial of " + generation + " was abandoned" + when;
  }
  return "";
}

nlohmann::ordered_json to_json(const RolloutVerdict& verdict, std::optional<Duration> ago) {
  std::string_view outcome;
  for (const auto& [value, name] : kOutcomes) {
    if (value == verdict.outcome) outcome = name;
  }
  return {{"generation", verdict.generation},
          {"outcome", outcome},
          {"ago_ms", ago ? nlohmann::ordered_json(milliseconds(*ago)) : nlohmann::ordered_json()},
          {"text", verdict.text},
          {"output", verdict.output}};
}

RolloutRead rollout_of(const nlohmann::ordered_json& pool) {
  RolloutRead read;
  const auto member = pool.is_object() ? pool.find("rollout") : pool.end();
  if (!pool.is_object() || member == pool.end() || !member->is_object()) return read;
  const std::string outcome = member_or(*member, "outcome", std::string());
  for (const auto& [value, name] : kOutcomes) {
    if (name != outcome) continue;
    read.verdict.outcome = value;
    read.verdict.generation = member_or(*member, "generation", Generation{0});
  }
  if (const auto ago = member->find("ago_ms"); ago != member->end() && ago->is_number())
    read.ago = std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(*ago));
  read.verdict.text = member_or(*member, "text", std::string());
  read.verdict.output = member_or(*member, "output", std::vector<std::string>());
  return read;
}

}  // namespace prefork
