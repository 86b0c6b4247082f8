#include "worker/program/inetd/prestarted.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <system_error>

#include "proto/descriptors_from.h"
#include "proto/record.h"
#include "worker/program/inetd/ucspi.h"
#include "worker/proxy_header.h"

namespace prefork::worker {
namespace {

/// Above standard error.
constexpr int kChannelOfChild = 3;
/// How long a client may take for its PROXY header.
constexpr std::chrono::seconds kHeaderTime{10};

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

void reset_all_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) (void)::sigaction(number, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// The channel at kChannelOfChild, and nothing above: this process lives for long, and must not keep the
/// worker's channel and the sockets of other connections open.
Channel keep_only(Channel channel) {
  const int end = channel.release().release();
  if (end != kChannelOfChild) (void)::dup2(end, kChannelOfChild);
  (void)::fcntl(kChannelOfChild, F_SETFD, FD_CLOEXEC);
  close_descriptors_from(kChannelOfChild + 1);
  return Channel(Fd(kChannelOfChild));
}

/// False: see errno.
bool set_standard_descriptors(int socket, ProgramErrors errors) {
  if (::dup2(socket, STDIN_FILENO) < 0 || ::dup2(socket, STDOUT_FILENO) < 0) return false;
  if (errors == ProgramErrors::kConnection) return ::dup2(socket, STDERR_FILENO) >= 0;
  if (errors == ProgramErrors::kLog) return true;
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  return null.valid() && ::dup2(null.get(), STDERR_FILENO) >= 0;
}

/// ETXTBSY: the file is being written. Tries again for a tenth of a second.
void execute(const ProgramStart& program, const std::vector<std::string>& environment) {
  const std::vector<char*> arguments = pointers_to(program.arguments);
  const std::vector<char*> variables = pointers_to(environment);
  for (int attempt = 0; attempt < 10; ++attempt) {
    (void)::execve(program.path.c_str(), arguments.data(), variables.data());
    if (errno != ETXTBSY) return;
    const timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
    (void)::nanosleep(&pause, nullptr);
    errno = ETXTBSY;
  }
}

/// Nothing: the client has sent no PROXY header, and stderr says so.
std::optional<std::vector<std::string>> variables_of(int socket, bool proxied) {
  if (!proxied) return ucspi_of(socket);
  const Result<ProxyHeader> header = read_proxy_header(socket, kHeaderTime);
  if (header) return header.value().local ? ucspi_of(socket) : ucspi_of(header.value());
  (void)std::fprintf(stderr, "supervisor-worker: a connection is closed: %s\n",
                     header.error().message().c_str());
  return std::nullopt;
}

[[noreturn]] void wait_and_become(const ProgramStart& program, Channel channel) {
  std::vector<std::string> environment = environment_for_programs();
  const auto datagram = std::make_unique<Datagram>();
  if (channel.wait_and_receive(*datagram) != ReceiveStatus::kDatagram) ::_exit(0);
  const Fd socket = datagram->take_descriptor();
  (void)channel.send(Record{.kind = RecordKind::kBusy});
  const std::optional<Message> message = DatagramReader(datagram->bytes()).next();
  const bool proxied = message && (message->record.flags & kProxied) != 0;
  std::optional<std::vector<std::string>> variables = variables_of(socket.get(), proxied);
  if (!variables) ::_exit(1);
  for (std::string& variable : *variables) environment.push_back(std::move(variable));
  if (set_standard_descriptors(socket.get(), program.errors)) execute(program, environment);
  const int error = errno;
  (void)channel.send(Record{.kind = RecordKind::kRefused, .value = static_cast<std::uint32_t>(error)});
  ::_exit(127);
}

}  // namespace

Result<Prestarted> Prestarted::start(const ProgramStart& program) {
  Result<std::pair<Channel, Channel>> ends = Channel::make_pair();
  if (!ends) return ends.error();
  (void)std::fflush(nullptr);
  const pid_t worker = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("fork");
  if (pid == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)::prctl(PR_SET_NAME, "inetd-waiting");
    if (::getppid() != worker) ::_exit(0);
    (void)::setpgid(0, 0);
    reset_all_signals();
    ends.value().first.close();
    wait_and_become(program, keep_only(std::move(ends.value().second)));
  }
  (void)::setpgid(pid, pid);  // whichever is first; fails after the exec
  return Prestarted(pid, std::move(ends.value().first));
}

bool Prestarted::give(int socket, bool proxied) {
  Fd borrowed(socket);
  const std::uint16_t flags = proxied ? kProxied : 0;
  const SendStatus sent = channel_.send(Record{.kind = RecordKind::kConnection, .flags = flags}, borrowed);
  (void)borrowed.release();
  return sent == SendStatus::kSent;
}

Prestarted::End Prestarted::end() {
  End end;
  const auto datagram = std::make_unique<Datagram>();
  while (channel_.receive(*datagram) == ReceiveStatus::kDatagram) {
    const std::optional<Message> message = DatagramReader(datagram->bytes()).next();
    if (!message) break;
    end.has_received = end.has_received || message->record.kind == RecordKind::kBusy;
    if (message->record.kind != RecordKind::kRefused) continue;
    end.exec_error =
        std::error_code(static_cast<int>(message->record.value), std::system_category()).message();
  }
  return end;
}

}  // namespace prefork::worker
