// A status as the supervisor sends it, small.
#pragma once

#include <initializer_list>

#include "supervisor/admin/json_read.h"

namespace prefork {

inline Json sample_pool(const char* name = "web") {
  Json pool = Json::parse(R"({
    "removed": false, "accepting": true, "saturated": false, "configured": 4, "wanted": 4, "ready": 4,
    "start_failures": 0, "generation": 2, "with_workers": 3, "slots": {"busy": 2, "total": 8},
    "lobby": {"silent": 1, "parked": 5}, "queue": {"now": 0, "limit": 16},
    "counters": {"accepted": 100, "dispatched": 90, "served": 80, "lost": 1},
    "histograms": {"queue_wait": {"count": 4, "sum_us": 1500, "buckets": [[1, 0], [256, 1], [512, 3], [1024, 4]]}},
    "deaths": {"exited": 2, "signaled": 1}, "rollouts": {"took_over": 1, "failed": 0}, "scoreboard": "_BB_",
    "listeners": [{"address": "127.0.0.1:80", "accepted": 100, "paused": false, "backlog": 7, "backlog_limit": 128}]})");
  pool["name"] = name;
  return pool;
}

inline Json sample_status(std::initializer_list<Json> pools = {sample_pool()}) {
  Json status = Json::parse(R"({"version": "1.2.3", "pid": 77, "uptime_ms": 5000.5, "stopping": false,
    "longest_turn_ms": 12.5, "reload": null, "reloads": {"applied": 3, "refused": 1}})");
  status["pools"] = Json::array();
  for (const Json& pool : pools) status["pools"].push_back(pool);
  return status;
}

}  // namespace prefork
