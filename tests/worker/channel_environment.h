// What a worker finds in its environment, for a worker in the process of the test.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "proto/record.h"

namespace prefork::test {

/// The supervisor's variables for a worker, in the environment of this process.
class ChannelEnvironment {
 public:
  ChannelEnvironment(const std::string& channel, const char* slots) {
    REQUIRE(::setenv(kChannelVariable, channel.c_str(), 1) == 0);
    if (slots != nullptr) REQUIRE(::setenv(kSlotsVariable, slots, 1) == 0);
  }
  ChannelEnvironment(const ChannelEnvironment&) = delete;
  ChannelEnvironment& operator=(const ChannelEnvironment&) = delete;
  ~ChannelEnvironment() {
    (void)::unsetenv(kChannelVariable);
    (void)::unsetenv(kSlotsVariable);
  }
};

}  // namespace prefork::test
