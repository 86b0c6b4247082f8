#include "supervisor/spawner/spawner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "proto/descriptors_from.h"
#include "proto/passing.h"
#include "proto/record.h"
#include "supervisor/spawner/child.h"
#include "supervisor/spawner/clone.h"
#include "supervisor/spawner/launch.h"

extern char** environ;

namespace prefork {
namespace {

/// Variables that workers must not inherit: another supervisor's, systemd's, and those of a Node program that
/// has started the supervisor. They tell of descriptors that workers do not have.
constexpr std::string_view kNotForWorkers[] = {"SUPERVISOR_",   "NOTIFY_SOCKET=", "WATCHDOG_",
                                               "LISTEN_PID=",   "LISTEN_FDS=",    "LISTEN_FDNAMES=",
                                               "NODE_CHANNEL_", "NODE_UNIQUE_ID="};

bool is_for_workers(std::string_view entry) {
  return std::none_of(std::begin(kNotForWorkers), std::end(kNotForWorkers),
                      [entry](std::string_view start) { return entry.starts_with(start); });
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (std::string& text : strings) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// The supervisor's environment without kNotForWorkers; `additions` replace variables of the same name.
std::vector<std::string> merged_environment(const std::vector<std::string>& additions) {
  std::vector<std::string> merged;
  const auto overridden = [&](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('=') + 1);
    for (const std::string& addition : additions) {
      if (std::string_view(addition).starts_with(name)) return true;
    }
    return false;
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (is_for_workers(*entry) && !overridden(*entry)) merged.emplace_back(*entry);
  }
  merged.insert(merged.end(), additions.begin(), additions.end());
  return merged;
}

bool is_short_of_memory(int error) { return error == ENOMEM || error == ENOBUFS; }

void wait_for_memory() {
  const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
  (void)::nanosleep(&pause, nullptr);
}

/// Blocks while the supervisor does not read. Without its answer the supervisor would wait for it and take
/// this process for one that hangs, so it gives up only when the supervisor is gone.
void send_reply(int socket, const LaunchReply& reply, const Fd& pidfd) {
  int attached = pidfd.get();
  while (send_passing(socket, std::as_bytes(std::span(&reply, 1)), attached, 0) < 0) {
    if (errno == ETOOMANYREFS && attached >= 0) {
      attached = -1;  // the user has too many descriptors in flight: the supervisor opens one itself
    } else if (is_short_of_memory(errno)) {
      wait_for_memory();
    } else {
      return;
    }
  }
}

Passed receive_request(int socket, std::span<std::byte> buffer) {
  for (;;) {
    Passed request = receive_passing(socket, buffer, 0);
    if (request.size >= 0 || !is_short_of_memory(errno)) return request;
    wait_for_memory();
  }
}

/// Why the request cannot be carried out; kNone if it can.
LaunchStep fault_of(const std::optional<LaunchRequest>& request, const Passed& passed, bool root_allowed) {
  if (!request || !passed.descriptor.valid()) return LaunchStep::kRequest;
  if (request->launch.captured && !passed.second.valid()) return LaunchStep::kRequest;
  const auto& identity = request->launch.identity;
  const bool as_root = !identity || identity->uid == 0 || identity->gid == 0 ||
                       std::count(identity->groups.begin(), identity->groups.end(), 0U) > 0;
  return as_root && !root_allowed ? LaunchStep::kRefused : LaunchStep::kNone;
}

void serve_request(int socket, std::span<const std::byte> bytes, const Passed& passed, bool root_allowed) {
  LaunchReply reply;
  Fd pidfd;
  std::optional<LaunchRequest> request = decode_request(bytes);
  reply.step = fault_of(request, passed, root_allowed);
  if (reply.step != LaunchStep::kNone) {
    std::memcpy(&reply.key, bytes.data(), std::min(bytes.size(), sizeof(reply.key)));
    reply.error = reply.step == LaunchStep::kRefused ? EPERM : request ? EMFILE : EPROTO;
    return send_reply(socket, reply, pidfd);
  }
  std::vector<std::string> environment = merged_environment(request->launch.environment);
  const std::vector<char*> environment_pointers = pointers(environment);
  const std::vector<char*> argv_pointers = pointers(request->launch.argv);
  ChildPlan plan;
  plan.key = reply.key = request->key;
  plan.launch = &request->launch;
  plan.argv = argv_pointers.data();
  plan.environment = environment_pointers.data();
  plan.channel = passed.descriptor.get();
  plan.output = passed.second.get();
  plan.report = socket;
  reply.pid = clone_with_pidfd(CloneParent::kParentOfCaller, pidfd);
  if (reply.pid == 0) become_worker(plan);
  if (reply.pid < 0) {
    reply.error = errno;
    reply.pid = 0;
    reply.step = LaunchStep::kClone;
  }
  send_reply(socket, reply, pidfd);
}

/// Whether the message is the command `wanted`: one byte, and no request for a worker.
bool is(const Passed& request, const std::vector<std::byte>& buffer, std::byte wanted) {
  return request.size == 1 && buffer[0] == wanted;
}

/// Forks a spawner that has the passed socket in place of `socket`, and is otherwise a copy of this one.
void fork_standby(int socket, Passed& request) {
  LaunchReply reply{.key = kStandbyKey, .pid = 0, .step = LaunchStep::kNone, .error = 0};
  Fd pidfd;
  if (!request.descriptor.valid()) {
    reply.step = LaunchStep::kRequest;
    reply.error = EMFILE;
    return send_reply(socket, reply, pidfd);
  }
  reply.pid = clone_with_pidfd(CloneParent::kParentOfCaller, pidfd);
  if (reply.pid == 0) {
    if (::dup3(request.descriptor.get(), socket, O_CLOEXEC) < 0) ::_exit(1);
    request.descriptor.reset();
    (void)::setsid();
    return;
  }
  if (reply.pid < 0) {
    reply.error = errno;
    reply.pid = 0;
    reply.step = LaunchStep::kClone;
  }
  send_reply(socket, reply, pidfd);
}

[[noreturn]] void run(int socket, const rlimit& descriptors) {
  (void)::prctl(PR_SET_NAME, "spawner");
  // A session of its own: signals from a terminal, or to the supervisor's process group, do not come here.
  // Signals are blocked, not ignored: a signal for a new process, which starts with this mask, waits until
  // the process has set its own dispositions, and is not lost.
  (void)::setsid();
  sigset_t all;
  sigfillset(&all);
  (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
  (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  std::vector<std::byte> buffer(kMaxLaunchSize);
  bool root_allowed = true;
  for (;;) {
    Passed request = receive_request(socket, buffer);
    if (request.size <= 0) ::_exit(0);
    if (is(request, buffer, kRenounceRoot)) {
      root_allowed = false;
    } else if (is(request, buffer, kForkStandby)) {
      fork_standby(socket, request);
    } else {
      serve_request(socket, std::span(buffer).first(static_cast<std::size_t>(request.size)), request,
                    root_allowed);
    }
  }
}

}  // namespace

Result<std::pair<Fd, Fd>> make_spawner_socket() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return system_error("spawner: socketpair");
  std::pair<Fd, Fd> socket{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(socket.first.get(), F_SETFL, O_NONBLOCK) < 0) return system_error("spawner: fcntl");
  return socket;
}

Result<SpawnerProcess> start_spawner(const rlimit& descriptors) {
  auto socket_pair = make_spawner_socket();
  if (!socket_pair) return socket_pair.error();
  SpawnerProcess process;
  Fd theirs = std::move(socket_pair.value().second);
  process.socket = std::move(socket_pair.value().first);
  process.pid = clone_with_pidfd(CloneParent::kCaller, process.pidfd);
  if (process.pid < 0) return system_error("spawner: create a process");
  if (process.pid == 0) {
    // No descriptor of the supervisor's may stay open here, least of all a client's socket.
    const int socket = ::dup2(theirs.get(), kChannelDescriptor);
    if (socket < 0 || ::fcntl(socket, F_SETFD, FD_CLOEXEC) < 0) ::_exit(1);
    close_descriptors_from(kChannelDescriptor + 1);
    run(socket, descriptors);
  }
  return process;
}

}  // namespace prefork
