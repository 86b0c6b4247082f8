#include "supervisor/admin/history.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/admin/samples.h"

namespace prefork {
namespace {

Json with_counts(double dispatched, const char* buckets) {
  Json pool = sample_pool();
  pool["counters"]["dispatched"] = dispatched;
  pool["histograms"]["queue_wait"]["buckets"] = Json::parse(buckets);
  return sample_status({pool});
}

TEST_CASE("a rate and the waits are those since the second before") {
  History history;
  history.add(100, with_counts(90, "[[1000,0],[2000,10],[4000,10]]"));
  history.add(101, with_counts(110, "[[1000,0],[2000,10],[4000,30]]"));
  const Json web = history.to_json()["pools"]["web"];
  CHECK(web["rate"] == Json::array({nullptr, 20}));
  CHECK(web["wait_p50_ms"] == Json::array({nullptr, 3}));
  CHECK(web["wait_p99_ms"] == Json::array({nullptr, 3.98}));
  CHECK(web["busy"] == Json::array({0.25, 0.25}));
  CHECK(web["queue"] == Json::array({0, 0}));
  CHECK(history.latest()["time"] == 101);
  CHECK(history.latest()["pools"]["web"]["rate"] == 20);
}

TEST_CASE("a second without an answer, or in which this process did not run, is a gap") {
  History history;
  history.add(100, with_counts(90, "[]"));
  history.add(101, Json());
  history.add(104, with_counts(130, "[]"));
  const Json all = history.to_json();
  CHECK(all["time"] == Json::array({100, 101, 102, 103, 104}));
  CHECK(all["pools"]["web"]["ready"] == Json::array({4, nullptr, nullptr, nullptr, 4}));
  CHECK(all["pools"]["web"]["rate"][4] == 10);
}

TEST_CASE("FAULTS 480: after the clock was set back the seconds from there on come once more") {
  History history;
  for (int second = 1000; second < 1010; ++second) history.add(second, with_counts(second, "[]"));
  history.add(1005, with_counts(1011, "[]"));
  history.add(1006, with_counts(1015, "[]"));
  history.add(1007, with_counts(1019, "[]"));
  const Json all = history.to_json();
  CHECK(all["time"] == Json::array({1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007}));
  CHECK(all["pools"]["web"]["rate"] == Json::array({nullptr, 1, 1, 1, 1, 1, nullptr, 4}));
  history.add(10, with_counts(1019, "[]"));
  CHECK(history.to_json()["time"] == Json::array({10}));
}

TEST_CASE("the history of an earlier process stands in front") {
  History before;
  std::vector<Json> saved;
  for (int second = 100; second < 103; ++second) {
    before.add(second, with_counts(second * 3, "[]"));
    saved.push_back(before.saved());
  }
  History history;
  SUBCASE("nothing is there yet") { history.restore(saved); }
  SUBCASE("a second is there already") {
    history.add(102, with_counts(306, "[]"));
    history.restore(saved);
  }
  history.add(103, with_counts(309, "[]"));
  const Json all = history.to_json();
  CHECK(all["time"] == Json::array({100, 101, 102, 103}));
  CHECK(all["pools"]["web"]["ready"] == Json::array({4, 4, 4, 4}));
  CHECK(all["pools"]["web"]["rate"][1] == 3);
  history.add(100 + History::kSeconds + 1, with_counts(400, "[]"));
  CHECK(history.to_json()["time"][0] == 102);
}

TEST_CASE("what an earlier process has saved before and after the clock was set back is one history") {
  History history;
  history.restore(
      {Json::parse("[10,{}]"), Json::parse("[11,{}]"), Json::parse("[5,{}]"), Json::parse("[8,{}]")});
  CHECK(history.to_json()["time"] == Json::array({5, 6, 7, 8}));
}

TEST_CASE("FAULTS 486: of a history in another form is taken what fits") {
  History history;
  for (const char* text : {"null", "7", "{}", "[]", "[1]", "[1,7]", "[1,{},2]", R"(["a",{}])", "[-1,{}]",
                           "[9223372036854775807,{}]", "[1.5,{}]"}) {
    CAPTURE(text);
    history.restore({Json::parse(text)});
    CHECK(history.to_json()["time"].empty());
  }
  history.restore({Json::parse(R"([2,{"a":7,"b":[1,2],"c":[1,null,"x",1e300,-1,3]}])")});
  const Json all = history.to_json();
  CHECK(all["pools"].size() == 1);
  CHECK(all["pools"]["c"]["queue"] == Json::array({1}));
  CHECK(all["pools"]["c"]["rate"] == Json::array({nullptr}));
  CHECK(all["pools"]["c"]["ready"] == Json::array({3}));
  history.add(3, Json());
  CHECK(history.to_json()["time"] == Json::array({2, 3}));
}

TEST_CASE("counters that went back are another pool's") {
  History history;
  history.add(100, with_counts(90, "[]"));
  history.add(101, with_counts(5, "[]"));
  CHECK(history.to_json()["pools"]["web"]["rate"][1].is_null());
}

TEST_CASE("it keeps 900 seconds, and no second twice") {
  History history;
  for (int second = 1; second <= 2000; ++second) history.add(second, sample_status());
  history.add(2000, sample_status());
  const Json all = history.to_json();
  CHECK(all["time"].size() == History::kSeconds);
  CHECK(all["time"].front() == 1101);
  CHECK(all["pools"]["web"]["queue"].size() == History::kSeconds);
  history.add(1000000, sample_status());
  CHECK(history.to_json()["time"].size() <= History::kSeconds);
}

TEST_CASE("a pool that came later has gaps before") {
  History history;
  history.add(1, sample_status());
  history.add(2, sample_status({sample_pool(), sample_pool("new")}));
  CHECK(history.to_json()["pools"]["new"]["ready"] == Json::array({nullptr, 4}));
}

}  // namespace
}  // namespace prefork
