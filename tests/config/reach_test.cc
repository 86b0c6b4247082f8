// What a user can reach. As root everything is reached, so each question is asked in a child of another user.
#include "config/reach.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <grp.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

/// The only line that `ask` returns as user 4711; "" when it returns none.
std::string as_stranger(const std::function<Lines()>& ask) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setgroups(0, nullptr) < 0 || ::setgid(4711) < 0 || ::setuid(4711) < 0) ::_exit(1);
    std::string text;
    for (const std::string& line : ask()) text += (text.empty() ? "" : " | ") + line;
    ::_exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  (void)::close(ends[1]);
  std::string text(4096, '\0');
  const ssize_t got = ::read(ends[0], text.data(), text.size());
  (void)::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

/// DIR/pool.json, DIR/app/worker and DIR/app/data, open to all.
struct Place {
  Place() {
    std::filesystem::create_directories(directory.at("app/data"));
    (void)directory.file("app/worker", "#!/bin/sh\n", 0755);
    file = directory.file("pool.json", R"({"listen": "127.0.0.1:0", "command": ["app/worker"], )"
                                       R"("directory": ")" +
                                           directory.at("app/data") + "\"}");
    open("", 0755);
    open("app", 0755);
    open("app/data", 0755);
    config =
        parsed(R"({"listen": "127.0.0.1:0", "command": [")" + directory.at("app/worker") +
               R"("], "directory": ")" + directory.at("app/data") + R"(", "user": "4711", "group": "4711"})");
    config.text = R"({"listen": "127.0.0.1:0"})";
  }
  void open(const std::string& name, mode_t mode) const {
    REQUIRE(::chmod(directory.at(name).c_str(), mode) == 0);
  }
  [[nodiscard]] std::string start() const {
    return as_stranger(
        [this] { return start_faults(config, config.pools.front(), "pool.json", directory.at("lib")); });
  }
  [[nodiscard]] std::string reload() const {
    return as_stranger([this] { return reload_faults(config, file); });
  }

  TempDirectory directory;
  std::string file;
  Config config;
};

TEST_SUITE_BEGIN("reach");

TEST_CASE(
    "FAULTS 148: a program or directory that is closed to the pool's user is named, with what closes it") {
  if (::geteuid() != 0) return;
  const Place place;
  CHECK(place.start().empty());
  place.open("app", 0700);
  const std::string both = place.start();
  CHECK(both.starts_with("pool.json: /command: the pool's user \"4711\" cannot run \"" +
                         place.directory.at("app/worker") + "\": " + place.directory.at("app") +
                         ": Permission denied; "));
  CHECK(both.find(" | pool.json: /directory: the pool's user \"4711\" cannot run in \"") !=
        std::string::npos);
  place.open("app", 0755);
  place.open("app/worker", 0700);
  CHECK(place.start().find(place.directory.at("app/worker") +
                           ": Permission denied; let the user execute it") != std::string::npos);
  place.open("app/worker", 0755);
  place.open("app/data", 0700);
  CHECK(place.start().starts_with("pool.json: /directory: "));
}

TEST_CASE("FAULTS 148: so is the accept library, for a pool that needs it") {
  if (::geteuid() != 0) return;
  Place place;
  std::filesystem::create_directories(place.directory.at("lib"));
  place.open("lib", 0755);
  const std::string library = place.directory.file("lib/libprefork-accept.so", "", 0600);
  CHECK(place.start().empty());
  place.config.pools.front().protocol.name = Protocol::kAccept;
  CHECK(place.start() == "pool.json: /protocol: the pool's user \"4711\" cannot load \"" + library +
                             "\": " + library + ": Permission denied; let the user read it (chmod o+r)");
  place.open("lib/libprefork-accept.so", 0644);
  CHECK(place.start().empty());
}

TEST_CASE("FAULTS 148: so is the interpreter of a script") {
  if (::geteuid() != 0) return;
  const Place place;
  std::filesystem::copy_file("/bin/true", place.directory.at("app/interpreter"));
  place.open("app/interpreter", 0755);
  (void)place.directory.file("app/worker", "#!" + place.directory.at("app/interpreter") + "\n", 0755);
  CHECK(place.start().empty());
  place.open("app/interpreter", 0700);
  CHECK(place.start().find("app/worker\": its interpreter \"" + place.directory.at("app/interpreter") +
                           "\": ") != std::string::npos);
}

TEST_CASE("FAULTS 184: modes tell the same for a user that the process cannot become") {
  const Place place;
  const Identity stranger{4711, 4711, {4712}};
  const auto faults = [&](const Identity& user) {
    std::string text;
    for (const std::string& line :
         start_faults(place.config, place.config.pools.front(), "pool.json", "", &user))
      text += line + '\n';
    return text;
  };
  CHECK(faults(stranger).empty());
  place.open("app/data", 0700);
  CHECK(faults(stranger) == "pool.json: /directory: the pool's user \"4711\" cannot run in \"" +
                                place.directory.at("app/data") + "\": " + place.directory.at("app/data") +
                                ": Permission denied; let the user enter it (chmod o+x)\n");
  CHECK(faults(Identity{::geteuid(), 4711, {}}).empty());
  CHECK(faults(Identity{0, 0, {}}).empty());
  place.open("app/data", 0710);
  CHECK(faults(Identity{4711, 4711, {::getegid()}}).empty());
  CHECK(faults(Identity{4711, ::getegid(), {}}).empty());
  place.open("app/data", 0707);
  CHECK_FALSE(faults(Identity{4711, ::getegid(), {}}).empty());
}

TEST_CASE("FAULTS 184: what a list adds to the modes is not known, and refuses nothing") {
  const Place place;
  place.open("app/data", 0700);
  // Version 2; owner rwx, user 4711 rwx, group ---, mask rwx, others ---.
  const std::string list(
      "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\7\0\x67\x12\0\0\4\0\0\0\xff\xff\xff\xff"
      "\x10\0\7\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
      44);
  if (::setxattr(place.directory.at("app/data").c_str(), "system.posix_acl_access", list.data(), list.size(),
                 0) < 0)
    return;  // this file system has no lists
  const Identity stranger{4711, 4711, {}};
  CHECK(start_faults(place.config, place.config.pools.front(), "pool.json", "", &stranger).empty());
}

TEST_CASE("FAULTS 149: a file, a program or a way to a directory that a reload cannot read is named") {
  if (::geteuid() != 0) return;
  const Place place;
  CHECK(place.reload().empty());
  place.open("pool.json", 0600);
  CHECK(place.reload() ==
        place.file +
            ": cannot be read by user 4711, which the supervisor becomes when it gives up root (see "
            "supervisor_user): " +
            place.file +
            ": Permission denied; let the user read it (chmod o+r, or chgrp and chmod g+r); until then every "
            "reload is refused");
  place.open("pool.json", 0644);
  place.open("app/data", 0700);
  CHECK(place.reload().empty());
  place.open("app/worker", 0700);
  CHECK(place.reload().starts_with(place.file + ": /command: cannot be checked by user 4711, "));
  place.open("app/worker", 0755);
  // A relative name leads there, the whole path does not: the supervisor uses that.
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(place.directory.path());
  place.open("", 0700);
  const std::string closed = as_stranger([&] { return reload_faults(place.config, "pool.json"); });
  std::filesystem::current_path(before);
  CHECK(closed.starts_with("pool.json: cannot be read by user 4711, "));
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
