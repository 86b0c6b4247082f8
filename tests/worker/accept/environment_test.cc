#include "worker/accept/environment.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>

using namespace prefork::accept;

namespace {

std::map<std::string, std::string> variables;

const char* variable(const char* name) {
  const auto found = variables.find(name);
  return found == variables.end() ? nullptr : found->second.c_str();
}

std::unique_ptr<Settings> settings(std::map<std::string, std::string> given) {
  variables = std::move(given);
  auto out = std::make_unique<Settings>();
  read_settings(variable, *out);
  return out;
}

std::string text_of(const PoolAddress& address) {
  char out[200];
  const std::size_t size = write_address(address.address, out, sizeof(out));
  return std::to_string(address.index) + "=" + std::string(out, size);
}

}  // namespace

TEST_CASE("without a supervisor the settings name no channel") {
  const auto none = settings({});
  CHECK(none->channel == -1);
  CHECK(none->slots == 1);
  CHECK(!none->drain_now);
  CHECK(none->drain_signal == SIGTERM);
  CHECK(!none->listen_fds);
  CHECK(none->addresses == 0);
}

TEST_CASE("the supervisor's variables are read") {
  const auto given = settings({{"SUPERVISOR_CHANNEL", "3"},
                               {"SUPERVISOR_SLOTS", "4096"},
                               {"SUPERVISOR_DRAIN", "now"},
                               {"SUPERVISOR_DRAIN_SIGNAL", "3"},
                               {"SUPERVISOR_LISTEN_FDS", "1"},
                               {"SUPERVISOR_LISTEN", "0=127.0.0.1:8080,2=unix:/a%2cb,12=[::]:1"}});
  CHECK(given->channel == 3);
  CHECK(given->slots == 4096);
  CHECK(given->drain_now);
  CHECK(given->drain_signal == SIGQUIT);
  CHECK(given->listen_fds);
  REQUIRE(given->addresses == 3);
  CHECK(text_of(given->address[0]) == "0=127.0.0.1:8080");
  CHECK(text_of(given->address[1]) == "2=unix:/a,b");
  CHECK(text_of(given->address[2]) == "12=[::]:1");
}

TEST_CASE("numbers that are none stand for the defaults") {
  for (const char* wrong : {"", "-1", "x", "3x", " 3", "99999999999999999999", "0x3"}) {
    const auto out = settings(
        {{"SUPERVISOR_CHANNEL", wrong}, {"SUPERVISOR_SLOTS", wrong}, {"SUPERVISOR_DRAIN_SIGNAL", wrong}});
    CHECK(out->channel == -1);
    CHECK(out->slots == 1);
    CHECK(out->drain_signal == SIGTERM);
  }
  CHECK(settings({{"SUPERVISOR_SLOTS", "0"}})->slots == 1);
  CHECK(settings({{"SUPERVISOR_DRAIN_SIGNAL", "0"}})->drain_signal == SIGTERM);
  CHECK(settings({{"SUPERVISOR_DRAIN_SIGNAL", "65"}})->drain_signal == SIGTERM);
}

TEST_CASE("malformed items of the list of addresses are left out, and so is what is too much") {
  const auto some = settings(
      {{"SUPERVISOR_LISTEN", ",=x,1,2=,3=127.0.0.1:80,x=127.0.0.1:80,1234567=127.0.0.1:80,4=127.0.0.1:81,"}});
  REQUIRE(some->addresses == 2);
  CHECK(text_of(some->address[0]) == "3=127.0.0.1:80");
  CHECK(text_of(some->address[1]) == "4=127.0.0.1:81");
  std::string many;
  for (int i = 0; i < 100; ++i) many += std::to_string(i) + "=127.0.0.1:80,";
  CHECK(settings({{"SUPERVISOR_LISTEN", many}})->addresses == kMaxAddresses);
}
