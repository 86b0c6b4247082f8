// Each dialect: what a worker does to its channel and to its clients' sockets. The test does it in the
// worker's place.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "tests/e2e/deaths.h"
#include "tests/e2e/dialects.h"
#include "tests/e2e/outside.h"
#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

using namespace prefork::test;
using prefork::Fd;
using prefork::StopReason;

namespace {

void say(const Fd& channel, const std::string& bytes) {
  (void)::send(channel.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

/// The worker holds a connection that it has not begun when `bytes` come from its channel: it is killed, and
/// another worker serves the connection.
void check_violation(const Scene& scene, const std::string& bytes) {
  const pid_t victim = scene.worker();
  const pid_t speaker = scene.speaker(victim);
  const Fd channel = channel_of(speaker);
  REQUIRE(channel.valid());
  const Frozen frozen(speaker);
  Client client(scene.address());
  client.send("hello\n");
  scene.wait_for_pool("it is dispatched",
                      [](const PoolTable& now) { return now["dispatched"] > now["served"]; });
  say(channel, bytes);
  check_answered(client);
  CHECK(because(death_of(scene.supervisor(), victim), StopReason::kViolation));
  const PoolTable now =
      scene.wait_for_pool("it is served", [](const PoolTable& pool) { return pool["served"] == 1; });
  CHECK(now["violations"] == 1);
  CHECK(now["lost"] == 0);
}

/// Says something harmless until the end of the channel, or of this object.
class Flood {
 public:
  Flood(Fd channel, std::string bytes)
      : channel_(std::move(channel)), thread_([this, text = std::move(bytes)] {
          while (!stopping_ && ::send(channel_.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0) {
          }
        }) {}
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood() {
    stopping_ = true;
    (void)::shutdown(channel_.get(), SHUT_RDWR);
    thread_.join();
  }

 private:
  Fd channel_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

void shut_channel(pid_t speaker, int how) {
  const Fd channel = channel_of(speaker);
  REQUIRE(channel.valid());
  REQUIRE(::shutdown(channel.get(), how) == 0);
}

/// errno, or 0.
int send_descriptor(const Fd& channel) {
  const Fd attached(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = attached.get();
  std::array<char, 4> bytes{};
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &number, sizeof(number));
  return ::sendmsg(channel.get(), &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

void limit_descriptors(pid_t pid) {
  const rlimit low{3, 3};  // what it has stays open
  REQUIRE(::prlimit(pid, RLIMIT_NOFILE, &low, nullptr) == 0);
}

}  // namespace

TEST_CASE("FAULTS 15 in each dialect: a worker that sends garbage is killed and replaced") {
  if (without_tracing()) return;
  in_each_dialect({15}, {}, [](const Scene& scene) { check_violation(scene, "\x01\x02 garbage\n"); });
}

TEST_CASE("FAULTS 16 in each dialect: a worker that speaks of a connection that it does not have is killed") {
  if (without_tracing()) return;
  in_each_dialect({16}, {}, [](const Scene& scene) { check_violation(scene, scene.misfit()); });
}

TEST_CASE("FAULTS 17 in each dialect: a datagram of no bytes is not taken for the end of the channel") {
  if (without_tracing()) return;
  in_each_dialect({17}, {}, [](const Scene& scene) { check_violation(scene, ""); });
}

TEST_CASE("FAULTS 18 in each dialect: an oversized datagram is refused without being read") {
  if (without_tracing()) return;
  in_each_dialect({18}, {}, [](const Scene& scene) { check_violation(scene, std::string(150'000, 'x')); });
}

TEST_CASE(
    "FAULTS 19 in each dialect: a worker that floods the supervisor does not keep others from being served") {
  if (without_tracing()) return;
  in_each_dialect({19}, {.workers = 2}, [](const Scene& scene) {
    const Client held = scene.begun();
    Fd channel = channel_of(scene.speaker(scene.worker("busy")));
    REQUIRE(channel.valid());
    const Flood flood(std::move(channel), scene.harmless());
    for (int i = 0; i < 10; ++i) scene.check_serves();
    CHECK(scene.pool()["violations"] == 0);
  });
}

TEST_CASE("FAULTS 20 in each dialect: a worker that sends a descriptor gets none to the supervisor") {
  if (without_tracing()) return;
  in_each_dialect({20}, {}, [](const Scene& scene) {
    const pid_t victim = scene.worker();
    const int error = send_descriptor(channel_of(scene.speaker(victim)));
    CHECK((error == 0 || error == EPERM));
    if (error == 0) CHECK(because(death_of(scene.supervisor(), victim), StopReason::kViolation));
    scene.check_serves();
  });
}

TEST_CASE(
    "FAULTS 21, 22, 23 in each dialect: a worker whose channel ends, but which lives on, is ended and "
    "replaced") {
  if (without_tracing()) return;
  in_each_dialect({21, 22, 23}, {.more = R"("health": {"kill_timeout": "50ms"})"}, [](const Scene& scene) {
    for (const int half : {SHUT_RDWR, SHUT_RD, SHUT_WR}) {
      CAPTURE(half);
      const pid_t victim = scene.worker();
      const pid_t speaker = scene.speaker(victim);
      const Frozen frozen(speaker);
      shut_channel(speaker, half);
      Client client(scene.address());  // where only one half is closed, the next connection shows it
      client.send("hello\n");
      check_answered(client);  // its end waits for a frozen process that still has a copy in its channel
      const EventText died = death_of(scene.supervisor(), victim);
      CHECK(because(died, StopReason::kChannelClosed));
      if (speaker == victim) CHECK(by_signal(died, SIGKILL));
    }
  });
}

TEST_CASE(
    "FAULTS 24 in each dialect: a death is noticed though another process has the channel and the socket") {
  if (without_tracing()) return;
  in_each_dialect({24}, {}, [](const Scene& scene) {
    Client client = scene.begun();
    const pid_t victim = scene.worker("busy");
    const Fd channel = channel_of(scene.speaker(victim));
    const Fd socket = socket_to(victim, client.descriptor());
    REQUIRE(channel.valid());
    REQUIRE(socket.valid());
    kill_at_once(victim);
    client.send("hello\n");
    check_answered(client);
    (void)scene.check_served(1);
  });
}

TEST_CASE(
    "FAULTS 25 in each dialect: a worker without a descriptor for a connection refuses it, and another takes "
    "it") {
  in_each_dialect({25}, {.workers = 2}, [](const Scene& scene) {
    const pid_t full = scene.worker();
    const pid_t speaker = scene.speaker(full);
    limit_descriptors(full);
    if (speaker != full) limit_descriptors(speaker);
    for (int i = 0; i < 6; ++i) scene.check_serves();
    const PoolTable now = scene.check_served(6);
    CHECK(now["violations"] == 0);
    CHECK(now["gave_up"] == 0);
    CHECK(now["redispatched"] >= 1);
  });
}

TEST_CASE("FAULTS 26 in each dialect: options that a dead worker has set on a client's socket are undone") {
  if (without_tracing()) return;
  in_each_dialect({26}, {}, [](const Scene& scene) {
    Client client = scene.begun();
    const pid_t victim = scene.worker("busy");
    {
      const Fd socket = socket_to(victim, client.descriptor());
      const linger slow{1, 30};
      REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &slow, sizeof(slow)) == 0);
    }
    kill_at_once(victim);
    scene.wait_for_pool("another has begun it", [](const PoolTable& now) { return now["begun"] == 2; });
    const Fd socket = socket_to(scene.worker("busy"), client.descriptor());
    linger found{1, 1};
    socklen_t size = sizeof(found);
    REQUIRE(::getsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &found, &size) == 0);
    CHECK(found.l_onoff == 0);
    client.send("hello\n");
    check_answered(client);
  });
}

TEST_CASE("FAULTS 27 in each dialect: the client hears the end of a finished connection") {
  for (const char* hold : {"done", "receipt"}) {
    CAPTURE(hold);
    in_each_dialect({27}, {.hold = hold}, [](const Scene& scene) {
      Client client(scene.address());
      client.send("hello\n");
      CHECK(client.receive().starts_with("OK "));
      CHECK(client.end() == Client::End::kEof);
    });
  }
}
