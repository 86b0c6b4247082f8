// `start: fork`: the bundled worker as a template, and the workers it forks.
#include <doctest/doctest.h>
#include <sys/prctl.h>

#include <csignal>
#include <fstream>

#include "tests/worker/hosted_worker.h"

namespace prefork::test {
namespace {

/// A worker forked from a template, after its introduction and its Ready.
struct ForkedWorker {
  Host host;
  pid_t pid;
};

pid_t parent_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("PPid:")) return std::stoi(line.substr(5));
  }
  return -1;
}

/// The pid of the worker that sends the Note; by then it is the supervisor's child.
pid_t introduced(Channel& channel) {
  const Arrived note(channel);
  REQUIRE(note.records.size() == 1);
  CHECK(note.records.front().kind == RecordKind::kNote);
  REQUIRE(note.sender.has_value());
  CHECK(parent_of(*note.sender) == ::getpid());
  return *note.sender;
}

class Template : public HostedWorker {
 public:
  Template() : HostedWorker({supervisor_worker(), "echo"}, {"SUPERVISOR_TEMPLATE=1", "SUPERVISOR_SLOTS=1"}) {
    // As the supervisor does: orphaned descendants become its own children.
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    CHECK(await() == Record{.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 0});
  }

  ForkedWorker fork_worker() {
    auto ends = Channel::make_pair();
    Channel mine = std::move(ends.value().first);
    REQUIRE(mine.identify_sender(true).ok());
    const Fd theirs = ends.value().second.release();
    REQUIRE(channel().send({.kind = RecordKind::kFork}, theirs) == SendStatus::kSent);
    const pid_t pid = introduced(mine);
    const Arrived ready(mine);
    REQUIRE(ready.records.size() == 1);
    CHECK(ready.records.front() ==
          Record{.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 1});
    CHECK(ready.sender == pid);
    REQUIRE(mine.identify_sender(false).ok());
    return {Host(std::move(mine)), pid};
  }
};

void check_that_it_serves(Host& host) {
  Client client = host.dispatch(5);
  CHECK(host.await() == Record{.kind = RecordKind::kBusy, .ticket = 5});
  client.send("hello");
  CHECK(client.receive_to_end() == "hello");
  CHECK(host.await() == Record{.kind = RecordKind::kIdle, .ticket = 5});
}

TEST_CASE(
    "a template forks workers that introduce themselves, are the supervisor's own children, and serve") {
  Template origin;
  for (int i = 0; i < 2; ++i) {
    ForkedWorker worker = origin.fork_worker();
    CHECK(parent_of(worker.pid) == ::getpid());
    check_that_it_serves(worker.host);
    worker.host.say(RecordKind::kDrain);
    CHECK(reap(worker.pid) == 0);
  }
}

TEST_CASE("a template leaves no zombies") {
  Template origin;
  ForkedWorker worker = origin.fork_worker();
  // The next record shows that the template is done with the fork.
  origin.say(RecordKind::kPing);
  CHECK(origin.await().kind == RecordKind::kPong);
  const std::string pid = std::to_string(origin.process().pid());
  std::string children;
  std::getline(std::ifstream("/proc/" + pid + "/task/" + pid + "/children"), children);
  CHECK(children == "");
  worker.host.channel().close();
  CHECK(reap(worker.pid) == 0);
}

TEST_CASE("neither a template nor its workers hold the channel of another worker") {
  Template origin;
  ForkedWorker first = origin.fork_worker();
  ForkedWorker second = origin.fork_worker();
  // The death of the first worker shows at once: no other process has its end of the channel.
  REQUIRE(::kill(first.pid, SIGKILL) == 0);
  CHECK(await_end(first.host.channel()));
  CHECK(reap(first.pid) == -SIGKILL);
  // The end of the second one's channel ends it, although the template is alive.
  second.host.channel().close();
  CHECK(reap(second.pid) == 0);
}

TEST_CASE("several workers may be asked for before the first is ready") {
  Template origin;
  std::vector<Channel> channels;
  for (int i = 0; i < 3; ++i) {
    auto ends = Channel::make_pair();
    REQUIRE(ends.value().first.identify_sender(true).ok());
    const Fd theirs = ends.value().second.release();
    REQUIRE(origin.channel().send({.kind = RecordKind::kFork}, theirs) == SendStatus::kSent);
    channels.push_back(std::move(ends.value().first));
  }
  for (Channel& channel : channels) {
    const pid_t worker = introduced(channel);
    channel.close();
    CHECK(reap(worker) == 0);
  }
}

TEST_CASE("a template that is drained or orphaned leaves, and its workers stay") {
  Template origin;
  ForkedWorker worker = origin.fork_worker();
  SUBCASE("drained") { origin.say(RecordKind::kDrain); }
  SUBCASE("its supervisor is gone") { origin.channel().close(); }
  CHECK(origin.process().await_exit() == 0);
  check_that_it_serves(worker.host);
  worker.host.say(RecordKind::kDrain);
  CHECK(reap(worker.pid) == 0);
}

TEST_CASE("a forked worker finishes its connection on SIGTERM like any other worker") {
  Template origin;
  ForkedWorker worker = origin.fork_worker();
  Client client = worker.host.dispatch(1);
  CHECK(worker.host.await().kind == RecordKind::kBusy);
  REQUIRE(::kill(worker.pid, SIGTERM) == 0);
  client.send("last words");
  CHECK(client.receive_to_end() == "last words");
  CHECK(reap(worker.pid) == 0);
}

}  // namespace
}  // namespace prefork::test
