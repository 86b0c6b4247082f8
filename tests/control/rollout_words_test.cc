// The last rollout of a pool in words, and as a client reads it from the status.
#include "supervisor/control/rollout_words.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace prefork {
namespace {

using std::chrono::seconds;

RolloutVerdict verdict(RolloutOutcome outcome) {
  return {.generation = 3, .outcome = outcome, .text = "exited with status 1", .output = {"a", "b"}};
}

TEST_CASE("each outcome of a rollout is a sentence") {
  CHECK(describe(verdict(RolloutOutcome::kStarting), seconds(2)) ==
        "generation 3 has been starting for 2.0 s");
  CHECK(describe(verdict(RolloutOutcome::kOnTrial), seconds(2)) ==
        "generation 3 has been on trial for 2.0 s");
  CHECK(describe(verdict(RolloutOutcome::kTookOver), seconds(2)) == "generation 3 took over 2.0 s ago");
  CHECK(describe(verdict(RolloutOutcome::kTookOver), seconds(2), /*wanted=*/false) ==
        "generation 3 has been in force for 2.0 s, and is to have no workers now");
  CHECK(describe(verdict(RolloutOutcome::kFailed), seconds(2)) ==
        "generation 3 failed 2.0 s ago: exited with status 1");
  CHECK(describe(verdict(RolloutOutcome::kAbandoned), seconds(2)) ==
        "the trial of generation 3 was abandoned 2.0 s ago");
  CHECK(describe(verdict(RolloutOutcome::kStarting), {}) == "generation 3 starts");
  CHECK(describe(verdict(RolloutOutcome::kOnTrial), {}) == "generation 3 is on trial");
  CHECK(describe(verdict(RolloutOutcome::kTookOver), {}) == "generation 3 took over (not known when)");
}

TEST_CASE("what a client reads from the status is what the supervisor has written") {
  for (const RolloutOutcome outcome :
       {RolloutOutcome::kStarting, RolloutOutcome::kOnTrial, RolloutOutcome::kTookOver,
        RolloutOutcome::kFailed, RolloutOutcome::kAbandoned}) {
    const nlohmann::ordered_json pool = {{"rollout", to_json(verdict(outcome), seconds(5))}};
    const RolloutRead read = rollout_of(pool);
    CHECK(read.verdict.generation == 3);
    CHECK(read.verdict.outcome == outcome);
    CHECK(read.verdict.text == "exited with status 1");
    CHECK(read.verdict.output == std::vector<std::string>{"a", "b"});
    CHECK(read.ago == seconds(5));
    CHECK_FALSE(rollout_of({{"rollout", to_json(verdict(outcome), {})}}).ago);
  }
}

TEST_CASE("a status without a rollout, or with one that is not understood, has generation 0") {
  for (const char* pool :
       {"{}", "null", "[]", R"({"rollout": null})", R"({"rollout": {"generation": 4}})",
        R"({"rollout": {"outcome": 1, "generation": "x", "text": [], "output": {}, "ago_ms": ""}})",
        R"({"rollout": {"outcome": "later", "generation": 4}})"}) {
    CAPTURE(pool);
    CHECK(rollout_of(nlohmann::ordered_json::parse(pool)).verdict.generation == 0);
  }
}

}  // namespace
}  // namespace prefork
