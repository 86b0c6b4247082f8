// The queue of requests to the spawner: order, bound, and what becomes of requests that are not answered.
#include "supervisor/workers/launch_queue.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/proto/open_descriptors.h"

namespace prefork {
namespace {

LaunchKey key(std::uint64_t worker, std::uint64_t pool = 1) { return {pool, worker}; }

LaunchQueue::Request request(const LaunchKey& key) {
  const Launch launch{.executable = "/bin/true", .argv = {"true"}, .environment = {}, .directory = ""};
  return {key, encode_request(key, launch), Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), Fd()};
}

/// Sends what the queue lets go.
std::vector<LaunchKey> send_all(LaunchQueue& queue) {
  std::vector<LaunchKey> sent;
  while (const LaunchQueue::Request* next = queue.next()) {
    sent.push_back(next->key);
    queue.next_sent();
  }
  return sent;
}

TEST_CASE("requests go in the order in which they came, and await an answer then") {
  LaunchQueue queue;
  CHECK(queue.next() == nullptr);
  for (const std::uint64_t worker : {3U, 1U, 2U}) queue.push(request(key(worker)));
  CHECK_FALSE(queue.awaits_answers());
  CHECK(send_all(queue) == std::vector<LaunchKey>{key(3), key(1), key(2)});
  CHECK(queue.awaits_answers());
  for (const std::uint64_t worker : {1U, 2U, 3U}) queue.answered(key(worker));
  CHECK_FALSE(queue.awaits_answers());
}

TEST_CASE("a bounded number of requests is unanswered at a time, and each answer lets one go") {
  LaunchQueue queue;
  for (std::uint64_t worker = 1; worker <= LaunchQueue::kMaxInFlight + 2; ++worker)
    queue.push(request(key(worker)));
  CHECK(send_all(queue).size() == LaunchQueue::kMaxInFlight);
  queue.answered(key(7));
  CHECK(send_all(queue) == std::vector<LaunchKey>{key(LaunchQueue::kMaxInFlight + 1)});
  queue.answered(key(99));  // was never asked
  CHECK(queue.next() == nullptr);
  queue.answered(key(1));
  CHECK(send_all(queue) == std::vector<LaunchKey>{key(LaunchQueue::kMaxInFlight + 2)});
}

TEST_CASE("a request that was sent beside the queue takes room until it is answered") {
  LaunchQueue queue;
  queue.sent(kStandbyKey);
  for (std::uint64_t worker = 1; worker <= LaunchQueue::kMaxInFlight; ++worker)
    queue.push(request(key(worker)));
  CHECK(send_all(queue).size() == LaunchQueue::kMaxInFlight - 1);
  queue.answered(kStandbyKey);
  CHECK(send_all(queue).size() == 1);
}

TEST_CASE("our copies of a request's descriptors are closed when it is sent") {
  const std::size_t before = test::open_descriptors();
  LaunchQueue queue;
  queue.push(request(key(1)));
  CHECK(test::open_descriptors() == before + 1);
  queue.next_sent();
  CHECK(test::open_descriptors() == before);
}

TEST_CASE("what a pool that is gone has waiting is dropped; what it was sent is still answered") {
  LaunchQueue queue;
  for (std::uint64_t worker = 1; worker <= LaunchQueue::kMaxInFlight; ++worker)
    queue.push(request(key(worker, 1)));
  send_all(queue);
  queue.push(request(key(100, 1)));
  queue.push(request(key(1, 2)));
  queue.drop(1);
  queue.answered(key(1, 1));
  CHECK(send_all(queue) == std::vector<LaunchKey>{key(1, 2)});
}

TEST_CASE("requests that will not be answered are given back, oldest first, and what waits stays") {
  LaunchQueue queue;
  for (std::uint64_t worker = 1; worker <= 3; ++worker) queue.push(request(key(worker)));
  queue.next_sent();
  queue.next_sent();
  CHECK(queue.take_unanswered() == std::vector<LaunchKey>{key(1), key(2)});
  CHECK_FALSE(queue.awaits_answers());
  CHECK(send_all(queue) == std::vector<LaunchKey>{key(3)});
}

TEST_CASE("FAULTS 111: what waits can be given up, and is then unanswered") {
  LaunchQueue queue;
  queue.push(request(key(1)));
  queue.push(request(key(2)));
  queue.next_sent();
  queue.give_up_waiting();
  CHECK(queue.next() == nullptr);
  CHECK(queue.take_unanswered() == std::vector<LaunchKey>{key(1), key(2)});
}

TEST_CASE("an upgrade in place carries both lists over") {
  SpawnerState state;
  state.launch_format = kLaunchFormat;
  LaunchQueue before;
  before.push(request(key(1)));
  before.push(request(key(2)));
  before.next_sent();
  const std::vector<std::byte> bytes = before.next()->bytes;
  before.write_state(state);
  // The new program has the descriptors of the old one; here both live.
  for (RequestState& waiting : state.waiting)
    waiting.channel = Carried{::fcntl(static_cast<int>(waiting.channel), F_DUPFD_CLOEXEC, 3)};
  LaunchQueue after;
  SUBCASE("in a form that both programs know") {
    after.adopt(state);
    REQUIRE(after.next() != nullptr);
    CHECK(after.next()->bytes == bytes);
    CHECK(after.next()->channel.valid());
    CHECK_FALSE(after.next()->output.valid());
    CHECK(send_all(after) == std::vector<LaunchKey>{key(2)});
  }
  SUBCASE("in another form: none is answered") {
    state.launch_format = kLaunchFormat + 1;
    after.adopt(state);
    CHECK(after.next() == nullptr);
  }
  CHECK(after.take_unanswered() == std::vector<LaunchKey>{key(1), key(2)});
}

}  // namespace
}  // namespace prefork
