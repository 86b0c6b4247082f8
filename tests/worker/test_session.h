// A worker's session with both ends of its channel in this process.
#pragma once

#include <doctest/doctest.h>

#include <utility>

#include "tests/worker/hosted_worker.h"
#include "worker/session.h"

namespace prefork::test {

/// A session that offers `slots`, after its Ready.
struct TestSession {
  explicit TestSession(unsigned slots = 1) : TestSession(slots, Channel::make_pair()) {}

  Host host;
  worker::Session session;

 private:
  TestSession(unsigned slots, Result<std::pair<Channel, Channel>> ends)
      : host(std::move(ends.value().first)), session(std::move(ends.value().second)) {
    session.ready(slots);
    CHECK(host.await() == Record{.kind = RecordKind::kReady, .value = 1, .ticket = slots});
  }
};

}  // namespace prefork::test
