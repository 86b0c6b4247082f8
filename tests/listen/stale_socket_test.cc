// The path of a unix socket is taken: by a stale socket, by one that listens, by something else; and another
// process does something at the same moment.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "supervisor/listen/listen_socket.h"
#include "tests/config/temp_directory.h"
#include "tests/listen/opened.h"
#include "tests/support/contains.h"
#include "tests/support/sockets.h"

namespace {

/// What another process does just before the next connect(), rename() or listen() of this one.
std::function<void()> before_connect;
std::function<void()> before_rename;
std::function<void()> before_listen;
/// As on NFS.
bool renames_without_flags = false;

void let_happen(std::function<void()>& next) {
  if (const auto happen = std::exchange(next, nullptr)) happen();
}

}  // namespace

// In the place of libc's.
extern "C" int connect(int socket, const sockaddr* name, socklen_t size) {
  let_happen(before_connect);
  return static_cast<int>(::syscall(SYS_connect, socket, name, size));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  let_happen(before_rename);
  return ::renameat(AT_FDCWD, from, AT_FDCWD, to);
}
extern "C" int renameat2(int from_at, const char* from, int to_at, const char* to,
                         unsigned int flags) noexcept {
  if (renames_without_flags && flags != 0) {
    errno = EINVAL;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_renameat2, from_at, from, to_at, to, flags));
}
extern "C" int listen(int socket, int backlog) noexcept {
  let_happen(before_listen);
  return static_cast<int>(::syscall(SYS_listen, socket, backlog));
}

namespace prefork {
namespace {

using namespace test;

TEST_CASE("FAULTS 55: a stale unix socket is taken over") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  (void)leave_stale_socket(path);
  const ListenSocket socket = opened("unix:" + path);
  CHECK(connect_to(socket).valid());
}

TEST_CASE("FAULTS 55: a unix socket that another process listens on is refused and goes on") {
  const TempDirectory directory;
  const ListenSocket first = opened("unix:" + directory.at("pool.sock"));
  CHECK(contains(refusal("unix:" + directory.at("pool.sock")), "Address already in use"));
  CHECK(connect_to(first).valid());
}

TEST_CASE("FAULTS 76: a stale socket that another supervisor has just replaced is not taken for stale") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  (void)leave_stale_socket(path);
  std::optional<ListenSocket> first;
  SUBCASE("") {}
  SUBCASE("on a file system that cannot rename without replacing") { renames_without_flags = true; }
  before_rename = [&] { first.emplace(opened("unix:" + path)); };
  CHECK(contains(refusal("unix:" + path, /*more=*/2), "Address already in use"));
  renames_without_flags = false;
  REQUIRE(first);
  CHECK_FALSE(first->file_is_gone());
  CHECK(connect_to(*first).valid());
}

TEST_CASE("FAULTS 76: a socket that begins to listen at the last moment is not taken for stale") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  const Fd socket = leave_stale_socket(path);
  before_rename = [&] { REQUIRE(::listen(socket.get(), 1) == 0); };
  CHECK(contains(refusal("unix:" + path), "Address already in use"));
  CHECK(exists(path));
  CHECK(contains(refusal("unix:" + path), "Address already in use"));
}

TEST_CASE("FAULTS 76: a new socket that another supervisor has taken for stale is not in use unnoticed") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  std::optional<ListenSocket> other;
  before_listen = [&] { other.emplace(opened("unix:" + path)); };
  CHECK(
      contains(refusal("unix:" + path, /*more=*/2), "another process has taken the path at the same moment"));
  REQUIRE(other);
  CHECK_FALSE(other->file_is_gone());
}

TEST_CASE("FAULTS 76: a stale socket that another supervisor has just removed does not end the start") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  (void)leave_stale_socket(path);
  before_connect = [&] { REQUIRE(::unlink(path.c_str()) == 0); };
  CHECK(connect_to(opened("unix:" + path)).valid());
}

TEST_CASE("FAULTS 75: a lock that another process has on a socket's directory does not matter") {
  const TempDirectory directory;
  const Fd lock(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
  (void)leave_stale_socket(directory.at("pool.sock"));
  CHECK(connect_to(opened("unix:" + directory.at("pool.sock"))).valid());
}

TEST_CASE("FAULTS 55: what is not a socket is refused and left as it is, symbolic links too") {
  const TempDirectory directory;
  const std::string file = directory.file("notes.txt", "precious");
  CHECK(contains(refusal("unix:" + file), "which is not a socket"));
  (void)leave_stale_socket(directory.at("stale.sock"));
  REQUIRE(::symlink(directory.at("stale.sock").c_str(), directory.at("link").c_str()) == 0);
  CHECK(contains(refusal("unix:" + directory.at("link")), "which is not a socket"));
  CHECK(exists(directory.at("link")));
  CHECK(exists(directory.at("stale.sock")));
  CHECK(contains(refusal("unix:" + directory.at("missing/pool.sock")), "No such file or directory"));
}

TEST_CASE("FAULTS 55: at its end a unix socket leaves a file alone that another has put in its place") {
  const TempDirectory directory;
  const std::string path = directory.at("pool.sock");
  {
    const ListenSocket socket = opened("unix:" + path);
    REQUIRE(::rename(path.c_str(), directory.at("moved").c_str()) == 0);
    (void)leave_stale_socket(path);
  }
  CHECK(exists(path));
}

}  // namespace
}  // namespace prefork
