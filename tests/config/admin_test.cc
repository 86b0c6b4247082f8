// The keys of the admin process: what they mean, and which values are refused.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/admin_token.h"
#include "config/answers.h"
#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

constexpr const char* kToken = "0123456789abcdef";

AdminConfig admin_of(std::string_view members) { return parsed(pool_with(members)).admin; }

std::vector<std::string> texts(const std::vector<ListenAddress>& addresses) {
  std::vector<std::string> all;
  for (const ListenAddress& address : addresses) all.push_back(address.text());
  return all;
}

TEST_SUITE_BEGIN("admin");

TEST_CASE("without addresses there is no admin process") {
  CHECK_FALSE(admin_of("").wanted());
  CHECK(admin_of(R"("admin": ":9465")").wanted());
  CHECK(admin_of(R"("agent": ":9466")").wanted());
}

TEST_CASE("the admin process listens at one address or several; its unix sockets are private") {
  const AdminConfig admin = admin_of(
      R"("admin": ["127.0.0.1:9465", {"address": "unix:/run/a.sock", "mode": "0660"}, "unix:/run/b.sock"],)"
      R"("agent": "[::1]:9466")");
  CHECK(texts(admin.listen) ==
        std::vector<std::string>{"127.0.0.1:9465", "unix:/run/a.sock", "unix:/run/b.sock"});
  CHECK(texts(admin.agent) == std::vector<std::string>{"[::1]:9466"});
  CHECK(admin.listen[1].mode == 0660);
  CHECK(admin.listen[2].mode == 0600);
}

TEST_CASE("an address that the admin process cannot have is refused with the reason") {
  const auto refused = [](const std::string& address) {
    return mistake(pool_with(R"("admin": ")" + address + '"'));
  };
  CHECK(refused("localhost:9465") ==
        "pool.json: /admin: \"localhost:9465\" is not allowed: an address in numbers is needed, such as "
        "\"127.0.0.1:9465\"");
  CHECK(refused("unix:@admin")
            .starts_with("pool.json: /admin: \"unix:@admin\" is not allowed: every local user"));
  CHECK(refused("systemd:admin")
            .starts_with("pool.json: /admin: \"systemd:admin\" is not allowed: sockets from"));
}

TEST_CASE("an address is for one of the pools, the page and the agent") {
  CHECK(mistake(R"({"listen": "127.0.0.1:80", "command": ["true"], "admin": "127.0.0.1:80"})") ==
        "pool.json: /listen: \"127.0.0.1:80\" is not allowed: /admin listens there already; remove one of "
        "them");
  CHECK(mistake(pool_with(R"("admin": ":9465", "agent": "127.0.0.1:9465")")) ==
        "pool.json: /agent: \"127.0.0.1:9465\" is not allowed: it overlaps \":9465\", /admin; remove one of "
        "them");
}

TEST_CASE("names of hosts are compared in lower case, and have no port") {
  CHECK(admin_of(R"("admin_hosts": ["OPS.Example.org"])").hosts ==
        std::vector<std::string>{"ops.example.org"});
  CHECK(mistake(pool_with(R"("admin_hosts": ["ops.example.org:80"])"))
            .starts_with("pool.json: /admin_hosts/0: "));
}

TEST_CASE("the user of the admin process is none that could do harm with it") {
  const AdminConfig admin = admin_of(R"("admin_user": "4711")");
  REQUIRE(admin.identity);
  CHECK(admin.identity->uid == 4711);
  CHECK(mistake(pool_with(R"("admin_user": "root")"))
            .starts_with("pool.json: /admin_user: \"root\" is not allowed"));
  CHECK(mistake(pool_with(R"("user": "4711", "group": "4711", "admin_user": "4711")")) ==
        "pool.json: /admin_user: \"4711\" is not allowed: it is the user of the workers of pool main; name "
        "another user");
  CHECK(mistake(pool_with(R"("supervisor_user": "4711", "admin_user": "4711")")) ==
        "pool.json: /admin_user: \"4711\" is not allowed: it is supervisor_user; name another user");
}

TEST_CASE("a token is one line of at least 16 characters") {
  const TempDirectory directory;
  const auto read = [&](const std::string& content, mode_t mode = 0600) {
    return read_admin_token(directory.file("token", content, mode));
  };
  CHECK(read(std::string(kToken) + "\n").value() == kToken);
  CHECK(read(std::string(kToken) + "\r\n").value() == kToken);
  CHECK(read(kToken, 0640).value() == kToken);
  CHECK(read(std::string(1000, 'x') + "\n").ok());
  const auto why = [&](const std::string& content, mode_t mode = 0600) {
    const auto token = read(content, mode);
    return token ? "it is accepted" : token.error().message();
  };
  CHECK(why("").starts_with("is empty"));
  CHECK(why("0123456789abcde").starts_with("has a token of 15 characters"));
  CHECK(why(std::string(1001, 'x')).starts_with("has more than 1000 characters"));
  CHECK(why(std::string(kToken) + "\nsecond").starts_with("is not one line"));
  CHECK(why("0123456789 abcdef").starts_with("is not one line"));
  for (const mode_t open : {0604U, 0602U, 0601U})
    CHECK(why(kToken, open).starts_with("is open to every user"));
  CHECK(read_admin_token(directory.path()).error().message() ==
        "is not a regular file; name a file that has a token in it");
  CHECK(read_admin_token(directory.at("none/token"))
            .error()
            .message()
            .starts_with("does not exist; make it: "));
  CHECK(read_admin_token(directory.path() + "/" + std::string(300, 'x'))
            .error()
            .message()
            .starts_with("cannot be read by user "));
}

TEST_CASE("what the machine said of the admin process comes with the other answers") {
  const TempDirectory directory;
  const std::string text =
      pool_with(R"("admin": {"address": "unix:/run/a.sock", "owner": "nobody"}, "admin_user": "daemon", )"
                R"("admin_token_file": ")" +
                directory.file("token", kToken, 0600) + '"');
  const Config config = parsed(text);
  const MachineAnswers answers = answers_in(config);
  const ConfigInForce again = read_in_force({text, &answers, /*examined=*/true}, "pool.json", {});
  CHECK(again.mistakes.empty());
  CHECK(again.config.admin == config.admin);
  CHECK(again.config.admin.token == kToken);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
