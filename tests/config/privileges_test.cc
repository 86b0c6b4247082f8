// Users, groups, limits and what else a worker is in the kernel's eyes, as the file says it.
#include "config/privileges.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using Lines = std::vector<std::string>;

ProcessConfig process_of(std::string_view members) {
  return parsed(pool_with(members)).pools.front().process;
}

/// A pool's configuration whose workers are `uid`, executing `program`.
Config pool_of(std::uint32_t uid, const std::string& program) {
  Config config;
  config.pools.emplace_back();
  config.pools[0].name = "web";
  config.pools[0].executable = program;
  config.pools[0].process.user = "them";
  config.pools[0].process.identity = Identity{uid, uid, {uid}};
  return config;
}

TEST_SUITE_BEGIN("privileges");

TEST_CASE("seccomp is true, false, or not set") {
  CHECK(parsed(pool_with(R"("seccomp": true)")).seccomp == true);
  CHECK(parsed(pool_with(R"("seccomp": false)")).seccomp == false);
  CHECK_FALSE(parsed(pool_with("")).seccomp.has_value());
  CHECK(mistake(pool_with(R"("seccomp": "yes")")) ==
        R"(pool.json: /seccomp: "yes" is not allowed; it must be true or false)");
}

TEST_CASE("a user has its own group and supplementary groups; `group` replaces its own group") {
  const passwd* entry = ::getpwnam("nobody");
  REQUIRE(entry != nullptr);
  const std::uint32_t uid = entry->pw_uid;
  const std::uint32_t gid = entry->pw_gid;
  CHECK(process_of(R"("user": "nobody")").identity == Identity{uid, gid, {gid}});
  CHECK(process_of(R"("user": ")" + std::to_string(uid) + '"').identity == Identity{uid, gid, {gid}});
  const auto in_group = process_of(R"("user": "nobody", "group": "daemon")").identity;
  REQUIRE(in_group);
  CHECK(in_group->gid == ::getgrnam("daemon")->gr_gid);
  CHECK(process_of(R"("user": "987654", "group": "4711")").identity == Identity{987654, 4711, {4711}});
}

TEST_CASE("FAULTS 74: a user has its account; a number without one has what suits any program") {
  const passwd* entry = ::getpwnam("daemon");
  REQUIRE(entry != nullptr);
  const Account expected{"daemon", entry->pw_dir, entry->pw_shell};
  CHECK(process_of(R"("user": "daemon")").account == expected);
  CHECK(process_of(R"("user": ")" + std::to_string(entry->pw_uid) + '"').account == expected);
  CHECK(process_of(R"("user": "987654", "group": "4711")").account == Account{"987654", "/", "/bin/sh"});
  CHECK(process_of("").account == Account());
}

TEST_CASE("the numbers of users and groups go up to 4294967294") {
  CHECK(process_of(R"("user": "4294967294", "group": "1000000000")").identity ==
        Identity{4294967294, 1000000000, {1000000000}});
  CHECK(
      mistake(pool_with(R"("user": "4294967295", "group": "4711")")) ==
      R"(pool.json: /user: "4294967295" is not allowed: there is no such user; create it, or correct the name)");
  CHECK(
      mistake(pool_with(R"("user": "nobody", "group": "4294967295")")) ==
      R"(pool.json: /group: "4294967295" is not allowed: there is no such group; create it, or correct the name)");
  CHECK(mistakes(R"({"command": ["true"], "listen": {"address": "unix:/tmp/x.sock", "owner": "4294967294"}})")
            .empty());
}

TEST_CASE("the number of a user or group is written with or without quotes") {
  CHECK(process_of(R"("user": 1234567, "group": 4711)").identity == Identity{1234567, 4711, {4711}});
  CHECK(mistake(pool_with(R"("user": 4294967295)")) ==
        "pool.json: /user: 4294967295 is not allowed; it must be an integer from 0 to 4294967294");
  CHECK(
      mistake(pool_with(R"("supervisor_user": 0)")) ==
      R"(pool.json: /supervisor_user: "0" is not allowed: it is root; name another user, or leave the key out)");
}

TEST_CASE("FAULTS 29: a user or group that does not exist is refused") {
  CHECK(
      mistake(pool_with(R"("user": "no-such-user")")) ==
      R"(pool.json: /user: "no-such-user" is not allowed: there is no such user; create it, or correct the name)");
  CHECK(
      mistakes(pool_with(R"("user": "no-such-user", "group": "no-such-group")")) ==
      Lines{
          R"(pool.json: /user: "no-such-user" is not allowed: there is no such user; create it, or correct the name)",
          R"(pool.json: /group: "no-such-group" is not allowed: there is no such group; create it, or correct the name)"});
  CHECK(
      mistake(R"({"pools": {"web": {"listen": ":0", "command": ["true"], "user": "no-such-user"}}})") ==
      R"(pool.json: /pools/web/user: "no-such-user" is not allowed: there is no such user; create it, or correct the name)");
  CHECK(
      mistake(pool_with(R"("supervisor_user": "no-such-user")")) ==
      R"(pool.json: /supervisor_user: "no-such-user" is not allowed: there is no such user; create it, or correct the name)");
}

TEST_CASE("users that cannot be used are refused") {
  CHECK(mistake(pool_with(R"("user": "root")")) ==
        R"(pool.json: /user: "root" is not allowed: it is root; workers of root need no "user")");
  CHECK(
      mistake(pool_with(R"("supervisor_user": "0")")) ==
      R"(pool.json: /supervisor_user: "0" is not allowed: it is root; name another user, or leave the key out)");
  CHECK(mistake(pool_with(R"("group": "daemon")")) ==
        R"(pool.json: /group: "daemon" is not allowed without a "user" beside it; add one, or remove this)");
  CHECK(mistake(pool_with(R"("user": "987654")")) ==
        R"(pool.json: /user: "987654" has no account, and so no group of its own; set "group", too)");
  CHECK(
      mistake(pool_with(R"("user": "nobody", "supervisor_user": "nobody")")) ==
      R"(pool.json: /supervisor_user: "nobody" is not allowed: it is the user of the workers of pool main; name )"
      "another user");
}

TEST_CASE("umask, nice and oom_score_adj are read, and not set without their keys") {
  const auto said = process_of(R"("umask": "027", "nice": -20, "oom_score_adj": 1000)");
  CHECK(said.umask == mode_t{027});
  CHECK(said.nice == -20);
  CHECK(said.oom_score_adj == 1000);
  CHECK(process_of("") == ProcessConfig{});
  CHECK(mistake(pool_with(R"("nice": 20)")) ==
        "pool.json: /nice: 20 is not allowed; it must be an integer from -20 to 19");
  CHECK(mistake(pool_with(R"("umask": 18)")) ==
        R"(pool.json: /umask: 18 is not allowed; it must be octal permissions such as "0027")");
}

TEST_CASE("a limit is a number, a size, \"unlimited\", or a soft and a hard one") {
  const auto limits = process_of(R"("limits": {"nofile": 1024, "as": "2GiB", "core": "unlimited",
                                                 "cpu": {"soft": 5, "hard": "unlimited"}})")
                          .limits;
  CHECK(limits == std::vector<ResourceLimit>{{RLIMIT_CPU, "cpu", 5, RLIM_INFINITY},
                                             {RLIMIT_CORE, "core", RLIM_INFINITY, RLIM_INFINITY},
                                             {RLIMIT_NOFILE, "nofile", 1024, 1024},
                                             {RLIMIT_AS, "as", 2ULL << 30U, 2ULL << 30U}});
}

TEST_CASE("FAULTS 39: a limit with a mistake is refused with the reason") {
  CHECK(mistake(pool_with(R"("limits": {"nofile": -1})")) ==
        "pool.json: /limits/nofile: -1 is not allowed; it must be an integer from 0 to 1000000000000");
  CHECK(mistake(pool_with(R"("limits": {"nofil": 1})")) ==
        R"(pool.json: /limits/nofil: the name "nofil" is not allowed; did you mean "nofile"?)");
  CHECK(mistake(pool_with(R"("limits": {"as": "2GB"})"))
            .starts_with(R"(pool.json: /limits/as: "2GB" is not allowed; it must be )"));
  CHECK(mistake(pool_with(R"("limits": {"files": 3})"))
            .starts_with(
                R"(pool.json: /limits/files: the name "files" is not allowed; it must be one of "as", )"));
  CHECK(mistake(pool_with(R"("limits": {"cpu": {"soft": 5}})"))
            .starts_with(R"(pool.json: /limits/cpu: "hard" is missing)"));
  CHECK(
      mistake(pool_with(R"("limits": {"cpu": {"soft": "unlimited", "hard": 5}})")) ==
      R"(pool.json: /limits/cpu/soft: "unlimited" is not allowed: soft must not be larger than hard, which is 5)");
}

TEST_CASE("workers that run as root, or can change their own program, cause a warning") {
  const TempDirectory directory;
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  const std::string program = directory.file("program", "#!/bin/sh\n", 0755);
  const std::string file = directory.file("pool.json", "{}", 0644);
  const std::uint32_t stranger = ::geteuid() + 4711;
  CHECK(privilege_warnings(pool_of(stranger, program), file, false).empty());
  const std::string start = file + ": pool web: its user them can change what its workers execute: ";
  CHECK(privilege_warnings(pool_of(::geteuid(), program), file, false) ==
        Lines{start + program + " is writable for it; give it to root, and take that permission away"});
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  CHECK(privilege_warnings(pool_of(stranger, program), file, false) ==
        Lines{start + directory.path() +
              " is writable for it; give it to root, and take that permission away"});
  REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
  CHECK(privilege_warnings(pool_of(stranger, program), file, false).empty());
  Config as_root = pool_of(stranger, program);
  as_root.pools[0].process = {};
  as_root.supervisor_identity = Identity{1, 1, {}};
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  CHECK(privilege_warnings(as_root, file, true) ==
        Lines{file + ": pool web: its workers run as root; give it a \"user\"",
              file + ": /supervisor_user: has no effect while a pool has no \"user\"; give each pool one, or "
                     "remove it",
              file + ": others than root can change this file, and with it what root runs; give it to root, "
                     "and take "
                     "that permission away"});
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
