#include "worker/template.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace prefork::worker {
namespace {

enum class Side { kTemplate, kWorker };

[[noreturn]] void exit_with_error(const Error& error) {
  (void)std::fprintf(stderr, "template: %s\n", error.message().c_str());
  ::_exit(1);
}

/// Forks the worker and ends this intermediate process. Returns in the worker, once the supervisor has become
/// its parent: before that the worker must not send Ready.
Side hand_to_supervisor() {
  const pid_t own = ::getpid();
  const Fd intermediate(static_cast<int>(::syscall(SYS_pidfd_open, own, 0)));
  const pid_t worker = ::fork();
  if (worker < 0) exit_with_error(system_error("fork"));
  if (worker > 0) ::_exit(0);
  // Readable when the intermediate process has ended and the supervisor has adopted its child.
  pollfd gone{.fd = intermediate.get(), .events = POLLIN, .revents = 0};
  while (intermediate.valid() && ::poll(&gone, 1, -1) < 0 && errno == EINTR) {
  }
  // Where a container's rules deny pidfd_open(2).
  const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
  while (::getppid() == own) (void)::nanosleep(&pause, nullptr);
  return Side::kWorker;
}

/// The intermediate process is the template's child and ends at once. Its child, the worker, becomes an
/// orphan, and the supervisor adopts the orphans among its descendants.
Side fork_twice() {
  (void)std::fflush(nullptr);
  const pid_t intermediate = ::fork();
  if (intermediate < 0) {
    // The worker's end of the channel closes unused: the supervisor notices and tries again later.
    (void)std::fprintf(stderr, "template: %s\n", system_error("fork").message().c_str());
    return Side::kTemplate;
  }
  if (intermediate == 0) return hand_to_supervisor();
  while (::waitpid(intermediate, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Side::kTemplate;
}

/// The kernel adds this process's pid to what it sends, so the supervisor can signal it if the application
/// hangs.
void introduce(Channel& channel) {
  int type = SOCK_SEQPACKET;
  socklen_t size = sizeof(type);
  (void)::getsockopt(channel.descriptor(), SOL_SOCKET, SO_TYPE, &type, &size);
  constexpr std::byte kByte{};
  (void)(type == SOCK_STREAM ? channel.send(std::span(&kByte, 1)) : channel.send(encode_note("forked")));
}

/// Removes what a worker must not inherit from its template: descriptors for other workers, and the variable
/// that marks a template.
void become_worker(const Channel& channel, Datagram& datagram) {
  while (datagram.take_descriptor().valid()) {
  }
  (void)::unsetenv(kTemplateVariable);
  (void)::setenv(kChannelVariable, std::to_string(channel.descriptor()).c_str(), 1);
}

enum class Next { kGoOn, kLeave };

class Template {
 public:
  explicit Template(Channel channel) : channel_(std::move(channel)) {}
  TemplateEnd run();

 private:
  Next obey();
  void fork_worker();
  Next leave(const std::string& why);

  Channel channel_;
  Datagram datagram_;
  TemplateEnd end_;
};

TemplateEnd Template::run() {
  (void)channel_.send({.kind = RecordKind::kReady, .value = kProtocolVersion, .ticket = 0});
  for (;;) {
    switch (channel_.wait_and_receive(datagram_)) {
      case ReceiveStatus::kDatagram:
        if (obey() == Next::kLeave) return std::move(end_);
        break;
      case ReceiveStatus::kEmpty:
      case ReceiveStatus::kNoResources: break;
      case ReceiveStatus::kEnd: return std::move(end_);
      case ReceiveStatus::kZeroLength:
      case ReceiveStatus::kTruncated:
        (void)leave("the supervisor sent a datagram of a wrong size");
        return std::move(end_);
    }
  }
}

Next Template::obey() {
  DatagramReader reader(datagram_.bytes());
  while (const std::optional<Message> message = reader.next()) {
    switch (message->record.kind) {
      case RecordKind::kFork:
        fork_worker();
        if (end_.worker) return Next::kLeave;
        break;
      case RecordKind::kPing: (void)channel_.send({.kind = RecordKind::kPong}); break;
      case RecordKind::kDrain: return Next::kLeave;
      case RecordKind::kReady:
      case RecordKind::kConnection:
      case RecordKind::kBusy:
      case RecordKind::kRefused:
      case RecordKind::kIdle:
      case RecordKind::kPark:
      case RecordKind::kProgress:
      case RecordKind::kNote:
      case RecordKind::kPong:
      case RecordKind::kLoad:
      case RecordKind::kLeave:
      case RecordKind::kYield: return leave("the supervisor sent a record that no template expects");
    }
  }
  return reader.malformed().empty() ? Next::kGoOn : leave(reader.malformed());
}

void Template::fork_worker() {
  Channel worker(datagram_.take_descriptor());
  // Out of descriptors: the new worker's end of the channel is lost. The supervisor notices and tries again
  // later.
  if (!worker.open()) return;
  if (fork_twice() == Side::kTemplate) return;
  channel_.close();
  introduce(worker);
  become_worker(worker, datagram_);
  end_.worker = std::move(worker);
}

Next Template::leave(const std::string& why) {
  (void)std::fprintf(stderr, "template %d leaves: %s\n", static_cast<int>(::getpid()), why.c_str());
  end_.exit_code = 1;
  return Next::kLeave;
}

}  // namespace

bool is_template() {
  const char* set = std::getenv(kTemplateVariable);
  return set != nullptr && std::string_view(set) == "1";
}

TemplateEnd run_template(Channel channel) { return Template(std::move(channel)).run(); }

}  // namespace prefork::worker
