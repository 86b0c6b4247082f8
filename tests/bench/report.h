// A report as JSON: one object, for script/bench and for people.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tests/bench/http_load.h"
#include "tests/bench/load.h"

namespace prefork::bench {

/// Latencies are in milliseconds.
[[nodiscard]] nlohmann::ordered_json to_json(const Tally& tally);
[[nodiscard]] nlohmann::ordered_json to_json(const ChurnReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(const OpenReport& report);
[[nodiscard]] nlohmann::ordered_json to_json(const HttpReport& report);

}  // namespace prefork::bench
