// The screen of `supervisor top`.
#include "supervisor/commands/top_screen.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::seconds;
using Style = TopLine::Style;

Json worker(int number, int served) {
  return {{"worker", number}, {"pid", 4000 + number}, {"role", "worker"}, {"state", "idle"},
          {"load", 0},        {"slots", 1},           {"served", served}, {"generation", 1},
          {"age_ms", 1500.0}, {"in_state_ms", 2.0},   {"restarts", 0},    {"last_death", ""},
          {"note", ""}};
}

Json status(int served, const Json& workers) {
  return {{"version", "1.2.3"},
          {"pid", 4711},
          {"config_file", "pool.json"},
          {"uptime_ms", 1000.0 + served},
          {"stopping", false},
          {"pools",
           {{{"name", "web"},
             {"state", "running"},
             {"wanted", 2},
             {"ready", 2},
             {"start_failures", 0},
             {"generation", 1},
             {"trial", nullptr},
             {"with_workers", 1},
             {"lobby", {{"silent", 3}, {"parked", 4}}},
             {"queue", {{"now", 5}, {"most", 6}, {"limit", 7}, {"wait_p50_ms", 0.5}, {"wait_p99_ms", 8.0}}},
             {"busy_time", {{"p50_ms", 1.0}, {"p99_ms", 20.0}, {"max_ms", 21.0}}},
             {"counters", {{"accepted", served}, {"dispatched", served}, {"lost", 0}, {"crashes", 0}}},
             {"scoreboard", "_B"},
             {"workers", workers}}}}};
}

/// The only line that has `part`.
TopLine line_with(const std::vector<TopLine>& lines, const std::string& part) {
  const auto has = [&](const TopLine& line) { return line.text.find(part) != std::string::npos; };
  REQUIRE_MESSAGE(std::count_if(lines.begin(), lines.end(), has) == 1, part);
  return *std::find_if(lines.begin(), lines.end(), has);
}

/// The words of the only line that has `part`.
std::vector<std::string> words_with(const std::vector<TopLine>& lines, const std::string& part) {
  std::istringstream text(line_with(lines, part).text);
  return {std::istream_iterator<std::string>(text), {}};
}

std::vector<TopLine> screen(const Json& now, const Json& before, TopOrder order = TopOrder::kByNumber) {
  return top_screen(now, before, seconds(2), order);
}

TEST_CASE("the first answer shows the state, without rates") {
  const auto lines = screen(status(100, {worker(1, 60), worker(2, 40)}), {});
  CHECK(lines[0].text == "supervisor 1.2.3, pid 4711, up 1.1 s, pool.json");
  CHECK(line_with(lines, "pool web").text == "pool web: running, 2 of 2 workers ready, generation 1  [_B]");
  CHECK(line_with(lines, "a second").text ==
        "  a second: accepted -, dispatched -; with workers 1, silent 3, parked 4");
  CHECK(line_with(lines, "queue").text ==
        "  queue: now 5, max 6, limit 7; in the last minute: wait p50 500 µs, p99 8.0 ms; busy p50 1.0 ms, "
        "p99 20.0 ms");
  CHECK(words_with(lines, "4001")[4] == "-");
}

TEST_CASE("a delay before the stop is shown in the first line") {
  Json now = status(1, Json::array());
  now["stopping"] = true;
  now["stop_delay_left_ms"] = 7000.0;
  const auto lines = screen(now, {});
  CHECK(lines[0].text.ends_with(", stopping in 7.0 s: still serving"));
}

TEST_CASE("a counter's growth since the answer before is shown as a rate") {
  const auto lines =
      screen(status(130, {worker(1, 85), worker(2, 41)}), status(100, {worker(1, 60), worker(2, 40)}));
  CHECK(line_with(lines, "a second").text.starts_with("  a second: accepted 15, dispatched 15;"));
  CHECK(words_with(lines, "4001")[4] == "12");
  CHECK(words_with(lines, "4002")[4] == "0.5");
}

TEST_CASE("rates of a new worker, and of a supervisor that has started anew, are unknown") {
  const Json before = status(100, {worker(1, 60)});
  const Json now = status(130, {worker(1, 70), worker(2, 41)});
  CHECK(words_with(screen(now, before), "4002")[4] == "-");
  SUBCASE("another pool") {
    Json renamed = before;
    renamed["pools"][0]["name"] = "app";
    CHECK(words_with(screen(now, renamed), "4001")[4] == "-");
  }
  SUBCASE("another process") {
    Json other = before;
    other["pid"] = 4712;
    CHECK(words_with(screen(now, other), "4001")[4] == "-");
  }
  SUBCASE("the same pid again") {
    Json longer = before;
    longer["uptime_ms"] = 100'000.0;
    CHECK(words_with(screen(now, longer), "4001")[4] == "-");
  }
}

TEST_CASE("failures are shown once they have happened, and stand out while they grow") {
  Json before = status(100, {});
  Json now = status(130, {});
  for (const TopLine& line : screen(now, before)) CHECK(line.text.find("so far") == std::string::npos);
  now["pools"][0]["counters"]["lost"] = 3;
  now["pools"][0]["counters"]["crashes"] = 1;
  before["pools"][0]["counters"]["crashes"] = 1;
  const TopLine rising = line_with(screen(now, before), "so far");
  CHECK(rising.text == "  so far: lost 3 (1.5 a second), crashes 1");
  CHECK(rising.style == Style::kAlarm);
  const TopLine past = line_with(screen(now, now), "so far");
  CHECK(past.text == "  so far: lost 3, crashes 1");
  CHECK(past.style == Style::kPlain);
}

TEST_CASE("FAULTS 151: a rollout that is on trial has a line, and one that has failed stands out") {
  Json now = status(100, {});
  Json& rollout = now["pools"][0]["rollout"];
  rollout = {
      {"generation", 2}, {"outcome", "on_trial"}, {"ago_ms", 500.0}, {"text", ""}, {"output", Json::array()}};
  CHECK(line_with(screen(now, {}), "rollout").text ==
        "  rollout: generation 2 has been on trial for 500.0 ms");
  CHECK(line_with(screen(now, {}), "rollout").style == Style::kPlain);
  rollout["outcome"] = "failed";
  rollout["text"] = "exited with status 1";
  CHECK(line_with(screen(now, {}), "rollout").text ==
        "  rollout: generation 2 failed 500.0 ms ago: exited with status 1");
  CHECK(line_with(screen(now, {}), "rollout").style == Style::kAlarm);
  rollout["outcome"] = "took_over";
  for (const TopLine& line : screen(now, {})) CHECK(line.text.find("rollout") == std::string::npos);
}

TEST_CASE("a pool without a ready worker stands out, unless it is meant to have none") {
  Json now = status(100, {});
  CHECK(line_with(screen(now, {}), "pool web").style == Style::kHead);
  now["pools"][0]["saturated"] = true;
  CHECK(line_with(screen(now, {}), "pool web").text.find("generation 1, saturated  [") != std::string::npos);
  now["pools"][0]["ready"] = 0;
  CHECK(line_with(screen(now, {}), "pool web").style == Style::kAlarm);
  now["pools"][0]["wanted"] = 0;
  CHECK(line_with(screen(now, {}), "pool web").style == Style::kHead);
}

TEST_CASE("with TopOrder::kBusiestFirst the busiest workers come first") {
  const Json before = status(100, {worker(1, 0), worker(2, 0), worker(3, 0)});
  const Json now = status(130, {worker(1, 5), worker(2, 20), worker(3, 5)});
  const auto pids = [&](TopOrder order) {
    std::vector<std::string> found;
    for (const TopLine& line : screen(now, before, order)) {
      if (const auto at = line.text.find("400"); at != std::string::npos)
        found.push_back(line.text.substr(at, 4));
    }
    return found;
  };
  CHECK(pids(TopOrder::kByNumber) == std::vector<std::string>{"4001", "4002", "4003"});
  CHECK(pids(TopOrder::kBusiestFirst) == std::vector<std::string>{"4002", "4001", "4003"});
}

TEST_CASE("a worker that is busy with one long connection comes before workers that serve many short ones") {
  const Json before = status(100, {worker(1, 0), worker(2, 0), worker(3, 0)});
  Json now = status(130, {worker(1, 5), worker(2, 20), worker(3, 0)});
  now["pools"][0]["workers"][2]["load"] = 1;
  const auto lines = screen(now, before, TopOrder::kBusiestFirst);
  const auto index = [&](const std::string& pid) {
    return std::find_if(lines.begin(), lines.end(),
                        [&](const TopLine& line) { return line.text.find(pid) != std::string::npos; }) -
           lines.begin();
  };
  CHECK(index("4003") < index("4002"));
  CHECK(index("4002") < index("4001"));
}

TEST_CASE("processor time is shown as a share of one processor, and memory as it is") {
  Json before = status(100, {worker(1, 0), worker(2, 0), worker(3, 0)});
  Json now = status(130, {worker(1, 0), worker(2, 0), worker(3, 0)});
  const auto set = [](Json& answer, std::size_t index, const Json& cpu, const Json& rss) {
    answer["pools"][0]["workers"][index]["cpu_ms"] = cpu;
    answer["pools"][0]["workers"][index]["rss_bytes"] = rss;
  };
  set(before, 0, 1000, 1 << 20);
  set(now, 0, 2500, 12 << 20);
  set(before, 1, nullptr, nullptr);
  set(now, 1, 2500, 1 << 20);
  set(before, 2, 2500, 1 << 20);
  set(now, 2, nullptr, nullptr);
  const auto cells = [&](const std::string& pid) {
    const auto words = words_with(screen(now, before), pid);
    return words[5] + ' ' + words[6];
  };
  CHECK(cells("4001") == "75% 12.0");
  CHECK(cells("4002") == "- 1.0");
  CHECK(cells("4003") == "- -");
}

TEST_CASE("FAULTS 101: the longest turn of the loop is shown, and stands out when clients can notice it") {
  Json now = status(100, {});
  now["longest_turn_ms"] = 213.0;
  now["longest_turn_last_minute_ms"] = 0.7;
  CHECK(line_with(screen(now, {}), "loop").text == "loop: longest turn 213.0 ms, in the last minute 700 µs");
  CHECK(line_with(screen(now, {}), "loop").style == Style::kPlain);
  now["longest_turn_last_minute_ms"] = 50.0;
  CHECK(line_with(screen(now, {}), "loop").style == Style::kAlarm);
}

TEST_CASE("FAULTS 193: a reload that was refused stands out, and one that was applied is not shown") {
  Json now = status(100, {});
  now["reload"] = {{"applied", false}, {"ago_ms", 2000.0}, {"count", 1}, {"mistakes", {"pool.json: wrong"}}};
  const TopLine line = line_with(screen(now, {}), "last reload");
  CHECK(line.text == "last reload: refused 2.0 s ago, nothing has changed: pool.json: wrong");
  CHECK(line.style == Style::kAlarm);
  now["reload"]["applied"] = true;
  const auto lines = screen(now, {});
  CHECK(std::none_of(lines.begin(), lines.end(),
                     [](const TopLine& one) { return one.text.find("last reload") != std::string::npos; }));
}

TEST_CASE("FAULTS 501: an admin process that fails stands out, and one that runs is not shown") {
  Json now = status(100, {});
  now["admin"] = {{"pid", 0},
                  {"state", "waiting"},
                  {"restarts", 3},
                  {"failures", 3},
                  {"failure", "exited with status 3"},
                  {"next_attempt_ms", 2000.0},
                  {"addresses", {"127.0.0.1:9465"}},
                  {"agent", Json::array()},
                  {"actions", false}};
  const TopLine line = line_with(screen(now, {}), "admin process");
  CHECK(line.text ==
        "admin process: waiting, 127.0.0.1:9465; restarts 3; fails, 3 in a row: exited with status 3; the "
        "next one "
        "starts in 2.0 s");
  CHECK(line.style == Style::kAlarm);
  now["admin"]["failures"] = 0;
  const auto lines = screen(now, {});
  CHECK(std::none_of(lines.begin(), lines.end(),
                     [](const TopLine& one) { return one.text.find("admin") != std::string::npos; }));
}

TEST_CASE("an answer with missing members is shown as far as it goes") {
  CHECK_FALSE(screen(Json::object(), Json::object()).empty());
  CHECK_FALSE(screen({{"pools", {{{"name", "web"}}}}}, {{"pools", 3}}).empty());
}

}  // namespace
}  // namespace prefork
