// Listening sockets: opened, refused, passed on at a reload; the files of unix sockets.
#include "supervisor/listen/listen_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "config/listen_address.h"
#include "supervisor/system/socket.h"
#include "supervisor/system/tcp_listener.h"
#include "tests/config/temp_directory.h"
#include "tests/listen/opened.h"
#include "tests/proto/open_descriptors.h"
#include "tests/support/contains.h"
#include "tests/support/eventually.h"
#include "tests/support/in_a_child.h"
#include "tests/support/sockets.h"
#include "tests/support/traps.h"

namespace prefork {
namespace {

using namespace test;

TEST_CASE("a listening socket on port 0 says which port the kernel chose, and a client gets through") {
  const ListenSocket socket = opened("127.0.0.1:0");
  CHECK(socket.name().starts_with("127.0.0.1:"));
  CHECK(socket.name() != "127.0.0.1:0");
  CHECK(socket.address().port == 0);
  CHECK(is_close_on_exec(socket.descriptor()));
  CHECK((::fcntl(socket.descriptor(), F_GETFL) & O_NONBLOCK) != 0);
  const Fd client = connect_to(socket);
  const Fd server = accept_from(socket);
  CHECK(server.valid());
  CHECK((::fcntl(server.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("an IPv6 address listens on IPv6 alone, an empty host on both") {
  const ListenSocket six = opened("[::1]:0");
  CHECK(six.name().starts_with("[::1]:"));
  CHECK(connect_to(six).valid());
  const ListenSocket all = opened(":0");
  CHECK(all.name().starts_with(":"));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(std::stoi(all.name().substr(1))));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Fd four(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(::connect(four.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
}

TEST_CASE("an abstract name leaves no file, and is refused while another has it") {
  const std::string name = "unix:@listen-test-" + std::to_string(::getpid());
  {
    const ListenSocket socket = opened(name);
    CHECK(connect_to(socket).valid());
    CHECK(contains(refusal(name), "Address already in use"));
  }
  CHECK(connect_to(opened(name)).valid());
}

TEST_CASE("FAULTS 54: a port in use is refused with the address and the reason, and nothing stays open") {
  const ListenSocket first = opened("127.0.0.1:0");
  const std::string error = refusal(first.name());
  CHECK(error.starts_with("listen " + first.name() + ": "));
  CHECK(contains(error, "Address already in use"));
}

TEST_CASE("an address that this machine does not have is refused by name") {
  CHECK(contains(refusal("192.0.2.1:0"), "listen 192.0.2.1:0: Cannot assign requested address"));
}

TEST_CASE("opening a listener resolves no name: its address has the answer") {
  ListenAddress address = address_of("localhost:0");
  CHECK(contains(refusal("localhost:0"), "Name or service not known"));
  address.answers.hosts = {"127.0.0.1"};
  CHECK(opened(address).name().starts_with("127.0.0.1:"));
}

TEST_CASE("reuse_port lets two sockets share a port") {
  ListenAddress address = address_of("127.0.0.1:0");
  address.reuse_port = true;
  const ListenSocket first = opened(address);
  address.port = address_of(first.name()).port;
  CHECK(ListenSocket::open(address).ok());
}

TEST_CASE(
    "a unix socket has the mode that the configuration gives, else what the umask leaves, and its file goes "
    "with it") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  {
    const mode_t mask = ::umask(027);
    const ListenSocket socket = opened("unix:" + path);
    ::umask(mask);
    CHECK(mode_of(path) == 0750);
    CHECK(connect_to(socket).valid());
  }
  CHECK_FALSE(exists(path));
  ListenAddress address = address_of("unix:" + path);
  address.mode = 0600;
  const ListenSocket socket = opened(address);
  CHECK(mode_of(path) == 0600);
}

/// An abstract unix socket that listens, with the kernel's defaults.
Fd plain_listener(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(socket.get(), 5) == 0);
  return socket;
}

void check_refuses_descriptors(const ListenSocket& socket) {
  const Fd client = connect_to(socket);
  REQUIRE(client.valid());
  const bool early = send_with_descriptor(client, client);
  const Fd accepted = accept_from(socket);
  REQUIRE(accepted.valid());
  // Before Linux 6.16 descriptors come through; the supervisor knows it, and closes such a socket outside the
  // loop.
  CHECK(may_hold_descriptors(accepted) == early);
  CHECK(send_with_descriptor(client, client) == early);
}

TEST_CASE(
    "FAULTS 81: a client of a unix listener that attaches a descriptor is refused, where the kernel can") {
  const std::string name = "gift-test-" + std::to_string(::getpid());
  const ListenAddress address = address_of("unix:@" + name);
  SUBCASE("opened, with a path") {
    const TempDirectory directory;
    check_refuses_descriptors(opened("unix:" + directory.at("pool.sock")));
  }
  SUBCASE("opened, abstract") { check_refuses_descriptors(opened(address)); }
  SUBCASE("from socket activation") {
    check_refuses_descriptors(ListenSocket::activated(address, plain_listener(name)).value());
  }
  SUBCASE("from an earlier version") {
    check_refuses_descriptors(ListenSocket::adopt(address, plain_listener(name), 0));
  }
}

TEST_CASE("FAULTS 81: only a unix socket whose client could attach descriptors may hold some") {
  const TcpPair pair = tcp_pair();
  CHECK_FALSE(may_hold_descriptors(pair.server));
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  CHECK(may_hold_descriptors(one));
}

TEST_CASE("a unix socket that cannot be given to its owner leaves no file behind") {
  if (::geteuid() != 0) {
    const TempDirectory directory;
    ListenAddress address = address_of("unix:" + directory.at("pool.sock"));
    address.answers.owner = 0;
    CHECK_FALSE(ListenSocket::open(address).ok());
    CHECK_FALSE(exists(directory.at("pool.sock")));
  }
}

TEST_CASE("FAULTS 188: when the directory of a unix socket is missing, it is named") {
  const TempDirectory directory;
  const std::string path = directory.at("missing/pool.sock");
  CHECK(refusal("unix:" + path) ==
        "listen unix:" + path + ": " + directory.at("missing/") +
            ": No such file or directory; create the directory, for nothing else does");
  CHECK(refusal("unix:" + directory.at("~/pool.sock")) ==
        "listen unix:" + directory.at("~/pool.sock") + ": " + directory.at("~/") +
            ": No such file or directory; only shells replace ~: write the path of the home directory");
}

/// A file of another user's, and a symbolic link to it: what a directory's owner puts where the socket was.
class Victim {
 public:
  explicit Victim(const TempDirectory& directory)
      : path_(directory.file("secret", "secret", 0600)), link_(directory.at("link")) {}
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Puts the link in the place of what is at `where`.
  [[nodiscard]] bool replace(const std::string& where) const {
    return ::symlink(path_.c_str(), link_.c_str()) == 0 && ::rename(link_.c_str(), where.c_str()) == 0;
  }

 private:
  std::string path_;
  std::string link_;
};

TEST_CASE("FAULTS 79: a socket knows that its file was removed, also after an upgrade") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  const ListenSocket socket = opened("unix:" + path);
  const auto upgraded = [&] {
    return ListenSocket::adopt(socket.address(), Fd(::dup(socket.descriptor())), socket.file());
  };
  CHECK_FALSE(socket.file_is_removed());
  REQUIRE(::rename(path.c_str(), directory.at("moved").c_str()) == 0);
  CHECK_FALSE(socket.file_is_removed());
  CHECK(socket.file_is_gone());
  REQUIRE(::rename(directory.at("moved").c_str(), path.c_str()) == 0);
  {
    ListenSocket next = upgraded();
    CHECK_FALSE(next.file_is_removed());
    CHECK_FALSE(next.file_is_gone());
    REQUIRE(::rename(path.c_str(), directory.at("moved").c_str()) == 0);
  }
  REQUIRE(::unlink(directory.at("moved").c_str()) == 0);
  CHECK(socket.file_is_removed());
  CHECK(upgraded().file_is_removed());
  CHECK(upgraded().file_is_gone());
  CHECK(upgraded().file() == socket.file());
}

TEST_CASE(
    "FAULTS 176: a socket file that the new program cannot see is not forgotten, nor taken for removed") {
  const TempDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string closed = directory.at("closed");
  const std::string path = closed + "/pool.sock";
  REQUIRE(::mkdir(closed.c_str(), 0755) == 0);
  const ListenSocket before = opened("unix:" + path);
  const auto upgraded = [&] {
    return ListenSocket::adopt(before.address(), Fd(::dup(before.descriptor())), before.file());
  };
  bool removed = false;
  SUBCASE("it is there") {}
  SUBCASE("it was removed meanwhile") { removed = true; }
  SUBCASE("its directory was replaced by a file") {
    REQUIRE(::rename(closed.c_str(), directory.at("moved").c_str()) == 0);
    (void)directory.file("closed", "");
    CHECK(upgraded().file_is_removed());
    CHECK(upgraded().file() == before.file());
    return;
  }
  // As after root was given up: the directory cannot be searched, for a while.
  CHECK(in_a_child([&] {
    if (::chmod(closed.c_str(), 0700) != 0 || ::seteuid(60001) != 0) return false;
    const ListenSocket next = upgraded();
    const bool unknown = !next.file_is_removed() && !next.file_is_gone() && next.file() == before.file();
    if (::seteuid(0) != 0 || (removed && ::unlink(path.c_str()) != 0)) return false;
    return unknown && next.file_is_gone() == removed;
  }));
  CHECK_FALSE(exists(path));
}

TEST_CASE("FAULTS 113: the mode of a unix socket is not set on what another has put in its place") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  const Victim victim(directory);
  ListenSocket socket = opened("unix:" + path);
  ListenAddress address = address_of("unix:" + path);
  address.mode = 0666;
  auto shared = socket.share(address);
  REQUIRE(shared.ok());
  SUBCASE("a symbolic link") { REQUIRE(victim.replace(path)); }
  SUBCASE("a file") { REQUIRE(::rename(victim.path().c_str(), path.c_str()) == 0); }
  SUBCASE("another socket") {
    (void)leave_stale_socket(directory.at("other.sock"));
    REQUIRE(::chmod(directory.at("other.sock").c_str(), 0600) == 0);
    REQUIRE(::rename(directory.at("other.sock").c_str(), path.c_str()) == 0);
  }
  const auto taken = shared.value().take_over(socket);
  REQUIRE_FALSE(taken.ok());
  CHECK(taken.error().message() ==
        "listen unix:" + path + ": something else has been put in the place of the socket");
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
}

TEST_CASE("FAULTS 113: nor on what was put there before an upgrade") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  const ListenSocket before = opened("unix:" + path);
  REQUIRE(::unlink(path.c_str()) == 0);
  const Fd other = leave_stale_socket(path);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  ListenSocket socket = ListenSocket::adopt(before.address(), Fd(::dup(before.descriptor())), before.file());
  ListenAddress address = before.address();
  address.mode = 0666;
  auto shared = socket.share(address);
  REQUIRE(shared.ok());
  CHECK(shared.value().take_over(socket).ok());
  CHECK(mode_of(path) == 0600);
  CHECK(shared.value().file_is_gone());
}

TEST_CASE(
    "FAULTS 113: however fast a new unix socket is replaced by a link, the link's target keeps its mode") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  const Victim victim(directory);
  std::atomic<bool> over = false;
  std::thread attacker([&] {
    struct stat status {};
    while (!over) {
      if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) (void)victim.replace(path);
    }
  });
  ListenAddress address = address_of("unix:" + path);
  address.mode = 0666;
  for (int i = 0; i < 300; ++i) {
    (void)ListenSocket::open(address);
    (void)::unlink(path.c_str());
  }
  over = true;
  attacker.join();
  CHECK(mode_of(victim.path()) == 0600);
}

TEST_CASE("a shared socket that takes over keeps the client that waits, and the file") {
  const TempDirectory directory;
  for (const std::string& text : {std::string("127.0.0.1:0"), "unix:" + directory.at("pool.sock")}) {
    CAPTURE(text);
    std::optional<ListenSocket> old = opened(text);
    const Fd client = connect_to(*old);
    send_all(client, "waiting");
    ListenAddress changed = old->address();
    changed.backlog = 7;
    if (changed.kind == ListenAddress::Kind::kUnixPath) changed.mode = 0660;
    auto shared = old->share(changed);
    REQUIRE(shared.ok());
    REQUIRE(shared.value().take_over(*old).ok());
    CHECK(old->has_other_owner());
    CHECK_FALSE(shared.value().has_other_owner());
    old.reset();
    const Fd server = accept_from(shared.value());
    REQUIRE(server.valid());
    await_unread(server, 7);
    CHECK(connect_to(shared.value()).valid());
    if (changed.mode) CHECK(mode_of(changed.path) == 0660);
  }
  CHECK_FALSE(exists(directory.at("pool.sock")));
}

TEST_CASE("a shared socket that does not take over leaves the old one as it was") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  const ListenSocket old = opened("unix:" + path);
  {
    ListenAddress changed = old.address();
    changed.mode = 0600;
    CHECK(old.share(changed).ok());
  }
  CHECK(mode_of(path) != 0600);
  CHECK(connect_to(old).valid());
}

}  // namespace
}  // namespace prefork
