#include "tests/accept/hosted.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/process_list.h"

namespace prefork::test {
namespace {

constexpr int kHelpers = 12;
constexpr int kFirstHelper = 100;  ///< as in remote.c

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (const std::string& text : strings) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

bool is_readable(int descriptor, std::chrono::milliseconds patience) {
  pollfd state{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, static_cast<int>(patience.count())) == 1;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

/// Close-on-exec, and out of the way of the numbers that the program gets.
int moved_up(int descriptor) { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 300); }

}  // namespace

Hosted::Hosted(Setup setup) : slots_(setup.slots), prints_(setup.prints), keeps_copies_(setup.keeps_copies) {
  // What the program leaves behind comes to the test, which ends it.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  for (const std::string& address : setup.listen)
    pools_.push_back(std::make_unique<PoolSocket>(replaced(address, "TEST_DIRECTORY", directory_.path())));
  auto ends = Channel::make_pair();
  REQUIRE(ends.ok());
  channel_ = std::move(ends.value().first);
  std::vector<Fd> theirs;
  for (int i = 0; i <= kHelpers; ++i) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    helpers_.emplace_back(pair[0]);
    theirs.emplace_back(pair[1]);
  }
  output_.reset(::memfd_create("output", MFD_CLOEXEC));
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) become_program(setup, ends.value().second.descriptor(), theirs);
}

void Hosted::become_program(const Setup& setup, int channel, const std::vector<Fd>& controls) const {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed takes its program along
  const int high_channel = moved_up(channel);
  const int output = moved_up(output_.get());
  std::vector<int> high;
  for (const Fd& control : controls) high.push_back(moved_up(control.get()));
  (void)::dup2(high.front(), STDIN_FILENO);
  (void)::dup2(output, STDOUT_FILENO);
  (void)::dup2(output, STDERR_FILENO);
  (void)::dup2(high_channel, kChannelDescriptor);
  for (int i = 0; i < kHelpers; ++i) (void)::dup2(high[static_cast<std::size_t>(i) + 1], kFirstHelper + i);
  (void)::close_range(kChannelDescriptor + 1, kFirstHelper - 1, 0);
  (void)::close_range(kFirstHelper + kHelpers, ~0U, CLOSE_RANGE_CLOEXEC);
  if (setup.in_child) setup.in_child();
  std::vector<std::string> command = setup.command;
  for (std::string& word : command) {
    word = replaced(word, "ADDRESS", pool().address());
    word = replaced(word, "PORT", pool().port());
  }
  (void)::execvpe(command.front().c_str(), pointers(command).data(), pointers(environment_of(setup)).data());
  ::_exit(127);
}

std::vector<std::string> Hosted::environment_of(const Setup& setup) const {
  std::string addresses;
  for (std::size_t i = 0; i < pools_.size(); ++i)
    addresses += (i == 0 ? "" : ",") + std::to_string(i) + '=' + pools_[i]->address();
  const char* path = std::getenv("PATH");
  std::vector<std::string> all = setup.environment;  // getenv() finds the first
  const std::vector<std::string> usual = {
      "LD_PRELOAD=" + accept_library(),
      std::string(kChannelVariable) + "=3",
      kSlotsVariable + ("=" + std::to_string(setup.slots)),
      "SUPERVISOR_LISTEN=" + addresses,
      "SUPERVISOR_DRAIN=" + setup.drain,
      "SUPERVISOR_DRAIN_SIGNAL=" + std::to_string(setup.drain_signal),
      "TEST_DIRECTORY=" + directory_.path(),
      std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path),
  };
  all.insert(all.end(), usual.begin(), usual.end());
  return all;
}

Hosted::~Hosted() {
  const bool passed = std::uncaught_exceptions() == 0;
  if (passed && check_ledger_) {
    while (channel_.open() && is_readable(channel_.descriptor(), std::chrono::milliseconds(0)))
      read_channel();
    for (const auto& [ticket, last] : ledger_) {
      const bool answered = last == RecordKind::kIdle || last == RecordKind::kRefused;
      CHECK_MESSAGE(answered, "the last record of connection ", ticket, " is ", to_string(last));
    }
  }
  if (passed && !prints_) CHECK(output() == "");
  channel_.close();
  if (!ended_) (void)::kill(pid_, SIGKILL);
  const bool gone = holds_within(kPatience, [&] {
    for (const pid_t left : processes()) (void)::kill(left, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return processes().empty();
  });
  if (!gone) MESSAGE("processes of the program do not end");
}

std::string Hosted::output() const {
  std::ifstream file("/proc/self/fd/" + std::to_string(output_.get()), std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<pid_t> Hosted::processes() const { return processes_with("TEST_DIRECTORY=" + directory_.path()); }

void Hosted::begin(const std::string& words, int helper) {
  const Fd& control = helpers_.at(static_cast<std::size_t>(helper));
  REQUIRE(::send(control.get(), words.data(), words.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(words.size()));
}

bool Hosted::answered(int helper) const {
  return is_readable(helpers_.at(static_cast<std::size_t>(helper)).get(), std::chrono::milliseconds(0));
}

std::string Hosted::answer(int helper) {
  const Fd& control = helpers_.at(static_cast<std::size_t>(helper));
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
  REQUIRE_MESSAGE(is_readable(control.get(), patience), "the program does not answer");
  std::array<char, 512> text;
  const ssize_t size = ::recv(control.get(), text.data(), text.size(), 0);
  REQUIRE_MESSAGE(size > 0, "the program has ended: ", output());
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string Hosted::call(const std::string& words, int helper) {
  begin(words, helper);
  return answer(helper);
}

int Hosted::number(const std::string& words, int helper) {
  const std::string text = call(words, helper);
  const int number = std::atoi(text.c_str());
  REQUIRE_MESSAGE(number >= 0, words, ": ", text);
  return number;
}

void Hosted::await_sleep(pid_t task) const {
  eventually("the program sleeps", [&] { return process_stat(task == 0 ? pid_ : task).state == 'S'; });
}

int Hosted::listens(const std::string& flags, std::size_t index) {
  const std::string& address = pool(index).address();
  const std::string domain = address.starts_with("unix:") ? "unix" : address.starts_with("[") ? "v6" : "v4";
  const int socket = number("socket " + domain + ' ' + flags);
  REQUIRE(call("bind " + std::to_string(socket) + ' ' + address) == "0");
  REQUIRE(call("listen " + std::to_string(socket)) == "0");
  return socket;
}

int Hosted::ready(const std::string& flags) {
  const int listener = listens(flags);
  REQUIRE(call("poll " + std::to_string(listener) + " 0") == "0");
  expect_now(RecordKind::kReady, slots_);
  return listener;
}

std::uint64_t Hosted::dispatch(std::size_t index, const std::string& to) {
  const std::uint64_t ticket = ++last_ticket_;
  clients_[ticket] = std::make_unique<Client>(to.empty() ? pool(index).address() : to);
  Fd socket = pool(index).accept();
  ledger_[ticket] = RecordKind::kConnection;
  const Record record{
      .kind = RecordKind::kConnection, .value = static_cast<std::uint32_t>(index), .ticket = ticket};
  REQUIRE(channel_.send(record, socket) == SendStatus::kSent);
  if (keeps_copies_) copies_[ticket] = std::move(socket);
  return ticket;
}

void Hosted::say(RecordKind kind) { REQUIRE(channel_.send({.kind = kind}) == SendStatus::kSent); }

void Hosted::read_channel() {
  const auto datagram = std::make_unique<Datagram>();
  const ReceiveStatus status = channel_.receive(*datagram);
  if (status == ReceiveStatus::kEnd) {
    arrived_.push_back({.record = {}, .text = "", .end = true});
    channel_.close();
    return;
  }
  REQUIRE(status == ReceiveStatus::kDatagram);
  CHECK(datagram->descriptors() == 0);
  DatagramReader reader(datagram->bytes());
  while (const std::optional<Message> message = reader.next()) {
    enter(message->record);
    arrived_.push_back({.record = message->record, .text = std::string(message->text)});
  }
  REQUIRE(reader.malformed() == "");
}

void Hosted::enter(const Record& record) {
  const auto found = ledger_.find(record.ticket);
  if (record.kind == RecordKind::kBusy || record.kind == RecordKind::kRefused) {
    REQUIRE_MESSAGE(found != ledger_.end(), to_string(record.kind), " for an unknown connection ",
                    record.ticket);
    CHECK_MESSAGE(found->second == RecordKind::kConnection, to_string(record.kind), " after ",
                  to_string(found->second));
    found->second = record.kind;
  }
  if (record.kind == RecordKind::kIdle) {
    REQUIRE_MESSAGE(found != ledger_.end(), "Idle for an unknown connection ", record.ticket);
    CHECK_MESSAGE(found->second == RecordKind::kBusy, "Idle after ", to_string(found->second));
    found->second = record.kind;
    copies_.erase(record.ticket);
  }
}

}  // namespace prefork::test
