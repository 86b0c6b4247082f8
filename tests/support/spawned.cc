#include "tests/support/spawned.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>

#include "proto/passing.h"
#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

rlimit present_limit() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  return limit;
}

std::pair<Fd, Fd> channel() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

Spawned::Spawned(pid_t pid, Fd pidfd, Fd channel)
    : pid_(pid), pidfd_(std::move(pidfd)), channel_(std::move(channel)) {}

Spawned::Spawned(Spawned&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      channel_(std::move(other.channel_)) {}

Spawned::~Spawned() {
  if (pid_ <= 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

int Spawned::await_signal() {
  int status = 0;
  eventually("the process ends", [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
  pid_ = 0;
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

std::vector<int> Spawned::descriptors() const {
  std::vector<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/fd")) {
    all.push_back(std::stoi(entry.path().filename().string()));
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::string Spawned::text(const std::string& file) const {
  std::ostringstream content;
  content << std::ifstream("/proc/" + std::to_string(pid_) + '/' + file).rdbuf();
  return content.str();
}

std::string Spawned::link(const std::string& file) const {
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid_) + '/' + file).string();
}

std::string Spawned::status(const std::string& field) const {
  std::istringstream lines(text("status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

std::vector<std::string> Spawned::environment() const {
  std::istringstream entries(text("environ"));
  std::vector<std::string> all;
  for (std::string entry; std::getline(entries, entry, '\0');) all.push_back(entry);
  return all;
}

Spawning::Spawning() : Spawning(present_limit()) {}

Spawning::Spawning(const rlimit& descriptors) {
  auto started = start_spawner(descriptors);
  REQUIRE(started.ok());
  process_ = std::move(started).value();
}

Spawning::~Spawning() {
  process_.socket.reset();
  (void)::waitpid(process_.pid, nullptr, 0);
}

void Spawning::renounce_root() {
  REQUIRE(send_passing(process_.socket.get(), std::span(&kRenounceRoot, 1), -1, 0) == 1);
}

void Spawning::fall_back() {
  auto socket = make_spawner_socket();
  REQUIRE(socket.ok());
  REQUIRE(send_passing(process_.socket.get(), std::span(&kForkStandby, 1), socket.value().second.get(), 0) ==
          1);
  socket.value().second.reset();
  Fd pidfd;
  const auto reply = receive(pidfd);
  REQUIRE(reply);
  CHECK(reply->key == kStandbyKey);
  REQUIRE(reply->pid > 0);
  REQUIRE(::kill(process_.pid, SIGKILL) == 0);
  REQUIRE(::waitpid(process_.pid, nullptr, 0) == process_.pid);
  process_ = SpawnerProcess{std::move(socket.value().first), std::move(pidfd), reply->pid};
}

void Spawning::send(const std::vector<std::byte>& request, const Fd& channel, const Fd& output) {
  REQUIRE(send_passing(process_.socket.get(), request, channel.get(), output.get(), 0) ==
          static_cast<ssize_t>(request.size()));
}

std::optional<LaunchReply> Spawning::receive(Fd& pidfd) {
  pollfd state{.fd = process_.socket.get(), .events = POLLIN, .revents = 0};
  if (::poll(&state, 1, 20'000) != 1) return std::nullopt;
  LaunchReply reply;
  Passed passed = receive_passing(process_.socket.get(), std::as_writable_bytes(std::span(&reply, 1)), 0);
  if (passed.size != static_cast<ssize_t>(sizeof(reply))) return std::nullopt;
  pidfd = std::move(passed.descriptor);
  return reply;
}

Spawned Spawning::launch(const Launch& wanted) {
  auto [ours, theirs] = channel();
  const LaunchKey key{.pool = 1, .worker = 2};
  Fd output;
  if (wanted.captured) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    (void)Fd(ends[0]);
    output.reset(ends[1]);
  }
  send(encode_request(key, wanted), theirs, output);
  theirs.reset();
  Fd pidfd;
  const auto reply = receive(pidfd);
  REQUIRE(reply);
  CHECK(reply->key == key);
  REQUIRE(reply->step == LaunchStep::kNone);
  REQUIRE(reply->pid > 0);
  CHECK(pidfd.valid());
  return Spawned(reply->pid, std::move(pidfd), std::move(ours));
}

Spawned Spawning::start(const Launch& wanted) {
  Spawned process = launch(wanted);
  // In the middle of its exec the new program shows already, but neither arguments nor environment; asleep it
  // has got through that.
  eventually("the program to run and to wait", [&] {
    std::error_code error;
    const auto program =
        std::filesystem::read_symlink("/proc/" + std::to_string(process.pid()) + "/exe", error);
    return !error && program == std::filesystem::canonical(wanted.executable) &&
           process.status("State").starts_with("S");
  });
  return process;
}

std::optional<LaunchReply> Spawning::fail(const Launch& launch) {
  auto [ours, theirs] = channel();
  send(encode_request(LaunchKey{.pool = 1, .worker = 2}, launch), theirs);
  theirs.reset();
  std::optional<LaunchReply> failure;
  pid_t pid = 0;
  while (pid == 0 || !failure) {
    Fd pidfd;
    const auto reply = receive(pidfd);
    REQUIRE(reply);
    CHECK(reply->key == LaunchKey{.pool = 1, .worker = 2});
    if (reply->from_spawner()) {
      pid = reply->pid;
    } else {
      failure = reply;
    }
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WEXITSTATUS(status) == 127);
  return failure;
}

std::optional<LaunchReply> Spawning::ask(const std::vector<std::byte>& request) {
  send(request, channel().second);
  Fd pidfd;
  return receive(pidfd);
}

bool has_child_besides(pid_t known) {
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t child = 0; children >> child;) {
    if (child != known) return true;
  }
  return false;
}

}  // namespace prefork::test
