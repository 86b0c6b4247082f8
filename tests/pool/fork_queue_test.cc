// Requests to templates: sent in order, kept while a template's channel is full, given up when it is gone.
#include "supervisor/pool/fork_queue.h"

#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include <map>
#include <utility>
#include <vector>

#include "tests/proto/open_descriptors.h"
#include "tests/support/eventually.h"

namespace prefork {
namespace {

using namespace test;
using Sent = std::vector<std::pair<WorkerId, int>>;

const WorkerId kTemplate{101};
const WorkerId kOther{102};

Fd channel() { return Fd(::eventfd(0, EFD_CLOEXEC)); }

/// A queue, and templates that answer as they are told to.
class Templates final : private ForkQueue::Owner {
  Loop loop_;

 public:
  ForkQueue queue{loop_, *this};
  std::map<std::uint64_t, SendStatus> answers;  ///< by the template's id; otherwise the request is sent
  std::vector<WorkerId> failed;
  Sent sent;  ///< templates and channels, in order
  int asked = 0;

  /// Runs the loop until the queue is empty.
  void run_until_empty() {
    BeforeSleepWatcher look(loop_);
    TimerWatcher timeout(loop_);
    look.start(Callback::to<&Templates::look>(*this));
    timeout.start(kPatience, Callback::to<&Templates::stop>(*this));
    loop_.run();
    CHECK(queue.empty());
  }
  /// After this many attempts the template has room.
  void make_room_after(int attempts) { room_after_ = attempts; }

 private:
  SendStatus send_fork(WorkerId from, const Fd& channel) override {
    ++asked;
    const auto answer = answers.find(from.value);
    if (answer != answers.end() && asked <= room_after_) return answer->second;
    sent.emplace_back(from, channel.get());
    return SendStatus::kSent;
  }
  void fork_failed(WorkerId worker) override { failed.push_back(worker); }
  void look() {
    if (queue.empty()) loop_.stop();
  }
  void stop() { loop_.stop(); }

  int room_after_ = 1'000'000;
};

TEST_CASE("a template that has room is sent the request at once, and our copy of the channel is closed") {
  Templates templates;
  const std::size_t before = open_descriptors();
  Fd end = channel();
  const int number = end.get();
  templates.queue.add(WorkerId{1}, kTemplate, std::move(end));
  CHECK(templates.sent == Sent{{kTemplate, number}});
  CHECK(templates.queue.empty());
  CHECK(templates.failed.empty());
  CHECK(open_descriptors() == before);
}

TEST_CASE("a template with a full channel is asked again later, and its requests keep their order") {
  Templates templates;
  templates.answers[kTemplate.value] = SendStatus::kFull;
  SUBCASE("full") {}
  SUBCASE("the machine is short of something") {
    templates.answers[kTemplate.value] = SendStatus::kNoResources;
  }
  Fd first = channel();
  Fd second = channel();
  const Sent in_order{{kTemplate, first.get()}, {kTemplate, second.get()}};
  templates.queue.add(WorkerId{1}, kTemplate, std::move(first));
  templates.queue.add(WorkerId{2}, kTemplate, std::move(second));
  CHECK(templates.asked == 2);  // the second request does not overtake the first one
  CHECK(templates.sent.empty());
  templates.make_room_after(4);
  templates.run_until_empty();
  CHECK(templates.sent == in_order);
  CHECK(templates.failed.empty());
}

TEST_CASE("a full template does not hold up another one") {
  Templates templates;
  templates.answers[kTemplate.value] = SendStatus::kFull;
  templates.queue.add(WorkerId{1}, kTemplate, channel());
  Fd end = channel();
  const int number = end.get();
  templates.queue.add(WorkerId{2}, kOther, std::move(end));
  CHECK(templates.sent == Sent{{kOther, number}});
  CHECK_FALSE(templates.queue.empty());
}

TEST_CASE("a request to a template that is gone fails, and is not sent again") {
  Templates templates;
  templates.answers[kTemplate.value] = SendStatus::kGone;
  SUBCASE("gone") {}
  SUBCASE("the channel cannot be sent") { templates.answers[kTemplate.value] = SendStatus::kInvalid; }
  templates.queue.add(WorkerId{1}, kTemplate, channel());
  CHECK(templates.failed == std::vector<WorkerId>{WorkerId{1}});
  CHECK(templates.queue.empty());
}

TEST_CASE("a request for a worker that is forgotten is dropped, and its channel closed") {
  Templates templates;
  templates.answers[kTemplate.value] = SendStatus::kFull;
  const std::size_t before = open_descriptors();
  templates.queue.add(WorkerId{1}, kTemplate, channel());
  CHECK(open_descriptors() == before + 1);
  templates.queue.forget(WorkerId{1});
  CHECK(templates.queue.empty());
  CHECK(open_descriptors() == before);
}

TEST_CASE("after an upgrade in place the requests go on with the same channels, when they are told to") {
  Templates before;
  before.answers[kTemplate.value] = SendStatus::kFull;
  Fd end = channel();
  const int number = end.get();
  before.queue.add(WorkerId{1}, kTemplate, std::move(end));
  std::vector<ForkState> state = before.queue.state();
  REQUIRE(state.size() == 1);
  CHECK(state[0].worker == WorkerId{1});
  CHECK(state[0].from == kTemplate);
  CHECK(state[0].channel == Carried{number});
  // Both queues are in this process: the second one gets a descriptor of its own.
  Fd other = channel();
  const int other_number = other.get();
  state[0].channel = Carried{other.release()};
  Templates after;
  after.queue.adopt(state);
  CHECK(after.asked == 0);
  after.queue.send();
  CHECK(after.sent == Sent{{kTemplate, other_number}});
}

}  // namespace
}  // namespace prefork
