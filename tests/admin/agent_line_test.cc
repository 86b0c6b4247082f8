#include "supervisor/admin/agent_line.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/admin/samples.h"

namespace prefork {
namespace {

std::string line_with(int busy, int total) {
  Json pool = sample_pool();
  pool["slots"] = {{"busy", busy}, {"total", total}};
  return agent_line(sample_status({pool}), "web");
}

TEST_CASE("the weight is the share of free slots in steps of ten percent, never 0") {
  CHECK(line_with(0, 8) == "up ready 100% maxconn:8\n");
  CHECK(line_with(1, 8) == "up ready 90% maxconn:8\n");
  CHECK(line_with(2, 8) == "up ready 80% maxconn:8\n");
  CHECK(line_with(7, 8) == "up ready 10% maxconn:8\n");
  CHECK(line_with(8, 8) == "up ready 10% maxconn:8\n");
  CHECK(line_with(20, 8) == "up ready 10% maxconn:8\n");
  CHECK(line_with(0, 1) == "up ready 100% maxconn:1\n");
}

TEST_CASE("without known slots the weight is not changed") { CHECK(line_with(0, 0) == "up ready\n"); }

TEST_CASE("a full queue is a low weight, not the end") {
  Json pool = sample_pool();
  pool["queue"]["now"] = 16;
  pool["slots"] = {{"busy", 8}, {"total", 8}};
  CHECK(agent_line(sample_status({pool}), "web") == "up ready 10% maxconn:8\n");
}

TEST_CASE("a pool without a ready worker is down") {
  Json pool = sample_pool();
  pool["ready"] = 0;
  CHECK(agent_line(sample_status({pool}), "web") == "down # no worker is ready\n");
  pool["wanted"] = 0;  // it is to have none: nothing serves all the same
  CHECK(agent_line(sample_status({pool}), "web") == "down # no worker is ready\n");
}

TEST_CASE("what stops drains") {
  Json status = sample_status();
  status["stopping"] = true;
  CHECK(agent_line(status, "") == "drain\n");
  Json pool = sample_pool();
  pool["removed"] = true;
  CHECK(agent_line(sample_status({pool}), "web") == "drain\n");
}

TEST_CASE("a pool that has taken a removed pool's name is the one that is asked") {
  Json removed = sample_pool();
  removed["removed"] = true;
  CHECK(agent_line(sample_status({removed, sample_pool()}), "web") == "up ready 80% maxconn:8\n");
}

TEST_CASE("without a name the fullest pool counts") {
  Json full = sample_pool("full");
  full["slots"] = {{"busy", 3}, {"total", 4}};
  CHECK(agent_line(sample_status({sample_pool(), full}), "") == "up ready 30% maxconn:4\n");
}

TEST_CASE("no supervisor and no pool are down") {
  CHECK(agent_line(Json(), "web") == "down # the supervisor does not answer\n");
  CHECK(agent_line(sample_status(), "a\nb\x01") == "down # there is no pool a?b?\n");
  CHECK(agent_line(sample_status({}), "") == "down # there is no pool\n");
}

TEST_CASE("the name is what stands before the newline") {
  CHECK(agent_pool("web\n") == "web");
  CHECK(agent_pool(" web \r\nrest") == "web");
  CHECK(agent_pool("web") == "web");
  CHECK(agent_pool("\n").empty());
  CHECK(agent_pool("").empty());
}

}  // namespace
}  // namespace prefork
