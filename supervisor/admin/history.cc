#include "supervisor/admin/history.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "supervisor/admin/present_pools.h"

namespace prefork {
namespace {

struct Series {
  const char* name;
  std::optional<double> Sample::*value;
};
constexpr std::array<Series, 6> kSeries = {{{"queue", &Sample::queue},
                                            {"wait_p50_ms", &Sample::wait_p50_ms},
                                            {"wait_p99_ms", &Sample::wait_p99_ms},
                                            {"rate", &Sample::rate},
                                            {"busy", &Sample::busy},
                                            {"ready", &Sample::ready}}};

/// Charts need three digits behind the point.
Json rounded(const std::optional<double>& value) {
  if (!value) return nullptr;
  const double thousandths = std::round(*value * 1000);
  if (std::fmod(thousandths, 1000) == 0) return static_cast<std::int64_t>(thousandths / 1000);
  return thousandths / 1000;
}

/// No figure is larger, and rounded() can write it.
std::optional<double> figure(const Json& value) {
  constexpr double kLargest = 1e12;
  const double read = value.is_number() ? value.get<double>() : -1;
  return read >= 0 && read <= kLargest ? std::optional(read) : std::nullopt;
}

std::optional<double> known(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

}  // namespace

CumulativeCounts CumulativeCounts::of(const Json& histogram) {
  CumulativeCounts read;
  for (const Json& bucket : member(histogram, "buckets")) {
    if (!bucket.is_array() || bucket.size() != 2 || !bucket[0].is_number() || !bucket[1].is_number())
      continue;
    read.edges.push_back(bucket[0].get<double>());
    read.counts.push_back(bucket[1].get<double>());
  }
  return read;
}

std::optional<double> CumulativeCounts::percentile_since(const CumulativeCounts& before, double share) const {
  const bool comparable = before.edges == edges;
  const auto since = [&](std::size_t at) { return counts[at] - (comparable ? before.counts[at] : 0); };
  const double total = counts.empty() ? 0 : since(counts.size() - 1);
  if (total <= 0) return std::nullopt;
  const double rank = total * share;
  std::size_t at = 0;
  while (at + 1 < counts.size() && since(at) < rank) ++at;
  const double below = at == 0 ? 0 : since(at - 1);
  const double inside = since(at) - below;
  const double low = at == 0 ? 0 : edges[at - 1];
  return (low + (edges[at] - low) * (inside > 0 ? (rank - below) / inside : 1)) / 1000;
}

Sample History::sample_of(const Json& pool, std::int64_t time) {
  Sample sample;
  sample.queue = known(member(pool, "queue"), "now");
  sample.ready = known(pool, "ready");
  const Json& slots = member(pool, "slots");
  if (const double total = number(slots, "total"); total > 0) sample.busy = number(slots, "busy") / total;

  Before now{number(member(pool, "counters"), "dispatched"),
             CumulativeCounts::of(member(member(pool, "histograms"), "queue_wait")), time};
  const auto found = before_.find(text(pool, "name"));
  if (found != before_.end() && time > found->second.time && now.dispatched >= found->second.dispatched) {
    const Before& before = found->second;
    sample.rate = (now.dispatched - before.dispatched) / static_cast<double>(time - before.time);
    sample.wait_p50_ms = now.waits.percentile_since(before.waits, 0.5);
    sample.wait_p99_ms = now.waits.percentile_since(before.waits, 0.99);
  }
  before_[text(pool, "name")] = std::move(now);
  return sample;
}

void History::add(std::int64_t time, const Json& status) {
  if (has_after_set_back(time)) return;
  Second second{time, {}};
  std::set<std::string> present;
  for (const Json* pool : present_pools(status)) {
    if (second.pools.size() >= kMaxPools) break;
    const std::string name = text(*pool, "name");
    present.insert(name);
    second.pools[name] = sample_of(*pool, time);
  }
  if (status.is_object())
    std::erase_if(before_, [&](const auto& one) { return !present.contains(one.first); });
  append(std::move(second));
}

bool History::has_after_set_back(std::int64_t time) {
  while (!seconds_.empty() && seconds_.back().time > time) seconds_.pop_back();
  return !seconds_.empty() && seconds_.back().time == time;
}

void History::append(Second second) {
  if (has_after_set_back(second.time)) return;
  const std::int64_t oldest = second.time - static_cast<std::int64_t>(kSeconds) + 1;
  while (!seconds_.empty() && seconds_.front().time < oldest) seconds_.pop_front();
  while (!seconds_.empty() && seconds_.back().time + 1 < second.time)
    seconds_.push_back({seconds_.back().time + 1, {}});
  seconds_.push_back(std::move(second));
}

Json History::saved() const {
  if (seconds_.empty()) return nullptr;
  Json pools = Json::object();
  for (const auto& [name, sample] : seconds_.back().pools) {
    Json& figures = pools[name] = Json::array();
    for (const Series& series : kSeries) figures.push_back(rounded(sample.*series.value));
  }
  return Json::array({seconds_.back().time, std::move(pools)});
}

std::optional<History::Second> History::read_second(const Json& saved) {
  constexpr std::int64_t kLatest = 1'000'000'000'000;
  if (!saved.is_array() || saved.size() != 2 || !saved[0].is_number_integer() || !saved[1].is_object())
    return std::nullopt;
  Second second{saved[0].get<std::int64_t>(), {}};
  if (second.time < 0 || second.time > kLatest) return std::nullopt;
  for (const auto& [name, figures] : saved[1].items()) {
    if (!figures.is_array() || figures.size() != kSeries.size()) continue;
    if (second.pools.size() == kMaxPools) break;
    Sample& sample = second.pools[name];
    for (std::size_t i = 0; i < kSeries.size(); ++i) sample.*kSeries[i].value = figure(figures[i]);
  }
  return second;
}

void History::restore(const std::vector<Json>& saved) {
  std::deque<Second> own = std::exchange(seconds_, {});
  for (const Json& one : saved) {
    if (auto second = read_second(one)) append(std::move(*second));
  }
  for (Second& one : own) append(std::move(one));
}

void History::clear() { *this = History(); }

Json History::to_json() const {
  Json times = Json::array();
  std::map<std::string, std::array<Json::array_t, kSeries.size()>> columns;
  for (const Second& second : seconds_) {
    for (const auto& [name, sample] : second.pools) {
      auto& of_pool = columns[name];
      for (std::size_t i = 0; i < kSeries.size(); ++i) {
        of_pool[i].resize(seconds_.size());
        of_pool[i][times.size()] = rounded(sample.*kSeries[i].value);
      }
    }
    times.push_back(second.time);
  }
  Json pools = Json::object();
  for (auto& [name, of_pool] : columns) {
    Json& pool = pools[name];
    for (std::size_t i = 0; i < kSeries.size(); ++i) pool[kSeries[i].name] = std::move(of_pool[i]);
  }
  return {{"interval_ms", 1000}, {"time", std::move(times)}, {"pools", std::move(pools)}};
}

Json History::latest() const {
  if (seconds_.empty()) return nullptr;
  Json pools = Json::object();
  for (const auto& [name, sample] : seconds_.back().pools) {
    for (const Series& series : kSeries) pools[name][series.name] = rounded(sample.*series.value);
  }
  return {{"time", seconds_.back().time}, {"pools", std::move(pools)}};
}

}  // namespace prefork
