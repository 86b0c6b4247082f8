// The real filter, in a child of the test: what it denies, and what it leaves.
#include "supervisor/system/read_filter.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <span>
#include <utility>

#include "proto/fd.h"
#include "proto/passing.h"
#include "supervisor/system/client_descriptors.h"

namespace prefork {
namespace {

constexpr int kFirst = 600;

/// A TCP connection: the server's end at descriptor kFirst, and the client's.
std::pair<Fd, Fd> connection() {
  const Fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(listening.get(), name, size) == 0);
  REQUIRE(::listen(listening.get(), 1) == 0);
  REQUIRE(::getsockname(listening.get(), name, &size) == 0);
  REQUIRE(::connect(client.get(), name, size) == 0);
  const Fd accepted(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Fd server(::fcntl(accepted.get(), F_DUPFD_CLOEXEC, kFirst));
  REQUIRE(server.get() == kFirst);
  REQUIRE(::send(client.get(), "hello", 5, 0) == 5);
  return {std::move(server), std::move(client)};
}

/// Runs `work` in a child with the filter; it returns the line of what went wrong, or 0.
template <typename Work>
int in_filtered_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(deny_reading_from(kFirst).ok() ? work() : 255);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define EXPECT(condition) \
  if (!(condition)) return __LINE__ % 255

/// Failed, and so.
template <typename T>
bool fails(T result, int error) {
  return result == -1 && errno == error;
}

TEST_CASE("FAULTS 71: under the filter nothing that reads works on a client's socket") {
  const auto [socket, client] = connection();
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const Fd out(pipe[0]);
  const Fd in(pipe[1]);
  const int s = socket.get();
  CHECK(in_filtered_child([s, &in] {
          std::array<char, 8> buffer{};
          iovec part{buffer.data(), buffer.size()};
          msghdr message{};
          message.msg_iov = &part;
          message.msg_iovlen = 1;
          mmsghdr messages{message, 0};
          EXPECT(fails(::read(s, buffer.data(), 1), EPERM));
          EXPECT(fails(::readv(s, &part, 1), EPERM));
          EXPECT(fails(::preadv2(s, &part, 1, -1, 0), EPERM));
          EXPECT(fails(::recv(s, buffer.data(), 1, 0), EPERM));
          EXPECT(fails(::recv(s, buffer.data(), 1, MSG_PEEK), EPERM));
          EXPECT(fails(::recv(s, buffer.data(), 1, MSG_TRUNC), EPERM));
          EXPECT(fails(::recvfrom(s, buffer.data(), 1, 0, nullptr, nullptr), EPERM));
          EXPECT(fails(::recvmsg(s, &message, 0), EPERM));
          EXPECT(fails(::recvmsg(s, &message, MSG_ERRQUEUE), EPERM));
          EXPECT(fails(::recvmmsg(s, &messages, 1, 0, nullptr), EPERM));
          EXPECT(fails(::splice(s, nullptr, in.get(), nullptr, 1, 0), EPERM));
          EXPECT(fails(::sendfile(in.get(), s, nullptr, 1), EPERM));
          EXPECT(fails(::tee(s, in.get(), 1, 0), EPERM));
          tcp_zerocopy_receive zero_copy{};
          socklen_t size = sizeof(zero_copy);
          EXPECT(fails(::getsockopt(s, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &zero_copy, &size), EPERM));
          return 0;
        }) == 0);
}

TEST_CASE("FAULTS 71: under the filter a client's socket gets no lower number, and no other way to be read") {
  const auto [socket, client] = connection();
  const int s = socket.get();
  CHECK(in_filtered_child([s] {
          EXPECT(fails(::dup(s), EPERM));
          EXPECT(fails(::dup2(s, 100), EPERM));
          EXPECT(fails(::dup3(s, 100, O_CLOEXEC), EPERM));
          EXPECT(fails(::fcntl(s, F_DUPFD, 0), EPERM));
          EXPECT(fails(::fcntl(s, F_DUPFD_CLOEXEC, 0), EPERM));
          const int self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
          EXPECT(self >= 0);
          EXPECT(fails(::syscall(SYS_pidfd_getfd, self, s, 0), EPERM));
          aio_context_t context = 0;
          EXPECT(fails(::syscall(SYS_io_setup, 1, &context), ENOSYS));
          EXPECT(fails(::syscall(SYS_io_uring_setup, 1, nullptr), ENOSYS));
          return 0;
        }) == 0);
}

TEST_CASE(
    "FAULTS 114: under the filter the upper half of an argument hides no call from the kernel's rules") {
  const auto [socket, client] = connection();
  const int s = socket.get();
  CHECK(in_filtered_child([s] {
          std::array<char, 64> buffer{};
          // The kernel takes descriptors, commands, levels and options as ints.
          for (const std::int64_t upper : {std::int64_t{1} << 32, std::int64_t{-1} << 32}) {
            for (const std::int64_t command : {F_DUPFD, F_DUPFD_CLOEXEC})
              EXPECT(fails(::syscall(SYS_fcntl, s, upper | command, 0L), EPERM));
            EXPECT(fails(::syscall(SYS_getsockopt, s, upper | IPPROTO_TCP, upper | TCP_ZEROCOPY_RECEIVE,
                                   buffer.data(), &upper),
                         EPERM));
            const std::int64_t hidden = upper | s;
            EXPECT(fails(::syscall(SYS_read, hidden, buffer.data(), 1L), EPERM));
            EXPECT(fails(::syscall(SYS_recvfrom, hidden, buffer.data(), 1L, 0L, 0L, 0L), EPERM));
            EXPECT(fails(::syscall(SYS_dup, hidden), EPERM));
            EXPECT(fails(::syscall(SYS_fcntl, hidden, upper | F_DUPFD, 0L), EPERM));
            EXPECT(fails(::syscall(SYS_sendfile, 1L, hidden, 0L, 1L), EPERM));
          }
          // Another command that shares bits with a denied one.
          EXPECT(::fcntl(s, F_GETFD) == FD_CLOEXEC);
          return 0;
        }) == 0);
}

TEST_CASE("under the filter works what the supervisor does with a client's socket, and with its own") {
  const auto [socket, client] = connection();
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const Fd& s = socket;
  CHECK(in_filtered_child([&s, &ours, &theirs] {
          pollfd state{.fd = s.get(), .events = POLLIN, .revents = 0};
          EXPECT(::poll(&state, 1, 10'000) == 1 && state.revents == POLLIN);
          int unread = 0;
          EXPECT(::ioctl(s.get(), SIOCINQ, &unread) == 0 && unread == 5);
          tcp_info info{};
          socklen_t size = sizeof(info);
          EXPECT(::getsockopt(s.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
          const linger off{};
          EXPECT(::setsockopt(s.get(), SOL_SOCKET, SO_LINGER, &off, sizeof(off)) == 0);
          EXPECT(::fcntl(s.get(), F_SETFL, 0) == 0);
          // Passed on, it is below: another process reads.
          const std::array<std::byte, 1> record{};
          EXPECT(send_passing(ours.get(), record, s.get(), 0) == 1);
          std::array<std::byte, 1> received{};
          const Passed passed = receive_passing(theirs.get(), received, 0);
          EXPECT(passed.size == 1 && passed.descriptor.valid());
          std::array<char, 8> text{};
          EXPECT(::recv(passed.descriptor.get(), text.data(), 1, 0) == 1);
          EXPECT(::send(s.get(), "bye", 3, 0) == 3);
          // What is not wanted can be thrown away unread.
          EXPECT(::recv(s.get(), nullptr, 100, MSG_TRUNC | MSG_DONTWAIT) == 4);
          EXPECT(::shutdown(s.get(), SHUT_RDWR) == 0);
          EXPECT(::close(s.get()) == 0);
          EXPECT(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
          return 0;
        }) == 0);
}

TEST_CASE("a client's socket is moved up when it is taken, unless it is there already") {
  const Fd low(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ClientDescriptors any;
  Fd same(::dup(low.get()));
  const int number = same.get();
  CHECK(any.take(same));
  CHECK(same.get() == number);
  ClientDescriptors clients;
  clients.adopt(kFirst, /*is_protected=*/true);
  CHECK(clients.take(same));
  CHECK(same.get() == kFirst);
  CHECK((::fcntl(same.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(clients.take(same));
  CHECK(same.get() == kFirst);
  CHECK(clients.check_own(low.get()).ok());
  CHECK(clients.check_own(kFirst).error().message() ==
        "no descriptor below 600 is free, and seccomp reserves the numbers from there on for clients");
  clients.adopt(kFirst, /*is_protected=*/false);
  CHECK(clients.check_own(kFirst).ok());  // not where it belongs, but it can be read
}

}  // namespace
}  // namespace prefork
