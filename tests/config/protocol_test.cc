// The key `protocol`, and which keys go together with which protocol.
#include <doctest/doctest.h>

#include <variant>

#include "config/kernel_notify.h"
#include "tests/config/elf_text.h"
#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

std::string refused_with(std::string_view members) { return mistake(pool_with(members)); }

TEST_SUITE_BEGIN("protocol");

TEST_CASE("the keys of a protocol reach the configuration") {
  const Config accept = parsed(
      pool_with(R"("protocol": "accept", "drain": "now", "drain_signal": "QUIT", "listen_fds": true)"));
  CHECK(accept.pools[0].protocol ==
        ProtocolConfig{Protocol::kAccept, DrainStart::kNow, DrainSignal::kQuit, true, {}});
  const Config classic = parsed(pool_with(R"("protocol": "classic", "idle_value": -2147483648)"));
  CHECK(classic.pools[0].protocol.name == Protocol::kClassic);
  CHECK(classic.pools[0].protocol.idle_value == INT32_MIN);
}

TEST_CASE("FAULTS 270: a key that belongs to another protocol is refused with the protocol that it needs") {
  for (const std::string key : {"drain", "drain_signal", "listen_fds"}) {
    const std::string value = key == "drain" ? R"("idle")" : key == "listen_fds" ? "false" : R"("TERM")";
    const std::string refusal = "pool.json: /" + key + ": " + value +
                                R"( is not allowed without "protocol": "accept"; add that, or remove this)";
    CHECK(refused_with("\"" + key + "\": " + value) == refusal);
    CHECK(refused_with(R"("protocol": "classic", ")" + key + "\": " + value) == refusal);
  }
  CHECK(
      refused_with(R"("protocol": "accept", "idle_value": 0)") ==
      R"(pool.json: /idle_value: 0 is not allowed without "protocol": "classic"; add that, or remove this)");
}

TEST_CASE("FAULTS 270: a server that knows nothing of the supervisor can neither be a template nor park") {
  CHECK(
      refused_with(R"("protocol": "accept", "start": "fork")") ==
      R"(pool.json: /start: "fork" is not allowed with "protocol": "accept": only a program with the worker )"
      "library can be a template; remove this");
  CHECK(refused_with(R"("protocol": "accept", "keep_alive": {"park": true})") ==
        R"(pool.json: /keep_alive/park: true is not allowed with "protocol": "accept": only a program that )"
        "knows the worker protocol can give back a connection between two requests; remove this");
  std::string many = "\"unix:@0\"";
  for (int i = 1; i < 65; ++i) many += ", \"unix:@" + std::to_string(i) + "\"";
  CHECK(
      mistake(R"({"protocol": "accept", "command": ["true"], "listen": [)" + many + "]}") ==
      "pool.json: /listen: 65 addresses are not allowed with \"protocol\": \"accept\": at most 64; make two "
      "pools of it");
  CHECK(
      mistakes(pool_with(R"("protocol": "accept", "keep_alive": {"park": false}, "start": "exec")")).empty());
}

TEST_CASE("FAULTS 270: a Node program cannot be a template, and is named itself; it can park") {
  CHECK(parsed(pool_with(R"("protocol": "node", "keep_alive": {"park": true}, "connections_per_worker": 9)"))
            .pools[0]
            .protocol.name == Protocol::kNode);
  CHECK(refused_with(R"("protocol": "node", "start": "fork")") ==
        R"(pool.json: /start: "fork" is not allowed with "protocol": "node": only a program with the worker )"
        "library can be a template; remove this");
  CHECK(refused_with(R"("protocol": "node", "drain": "now")").find("not allowed") != std::string::npos);
  for (const std::string starter : {"npm", "/usr/bin/npx", "yarn", "pnpm"}) {
    std::string all;  // it may not be installed
    for (const std::string& one : mistakes(R"({"protocol": "node", "listen": "127.0.0.1:0", "command": [")" +
                                           starter + R"(", "start"]})"))
      all += one;
    CHECK(all.find("it would be the worker itself") != std::string::npos);
  }
}

TEST_CASE("FAULTS 416: the variables by which Node finds its channel are not the operator's") {
  for (const std::string name : {"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID"}) {
    const std::string members = R"("environment": {")" + name + R"(": "3", "NODE_ENV": "production"})";
    CHECK(refused_with(R"("protocol": "node", )" + members) ==
          "pool.json: /environment/" + name +
              R"(: is not allowed with "protocol": "node": the supervisor sets it; remove this)");
    CHECK(mistakes(pool_with(members)).empty());
  }
}

TEST_CASE("FAULTS 217: what the classic protocol does not have is refused, with one reason for each key") {
  const auto refusal = [](const std::string& key, const std::string& value, const std::string& why) {
    return "pool.json: " + key + ": " + value + R"( is not allowed with "protocol": "classic": )" + why;
  };
  const auto refused = [](const std::string& members) {
    return refused_with(R"("protocol": "classic", )" + members);
  };
  CHECK(refused(R"("connections_per_worker": 2)") ==
        refusal("/connections_per_worker", "2", "its workers have one connection at a time; remove this"));
  CHECK(refused(R"("keep_alive": {"park": true})") ==
        refusal("/keep_alive/park", "true",
                "its workers cannot give back a connection between two requests; remove this"));
  CHECK(refused(R"("hold": "receipt")") ==
        refusal("/hold", R"("receipt")",
                "its workers send no receipt, so the supervisor keeps its copy until the connection is done; "
                "remove this"));
  CHECK(refused(R"("health": {"receipt_timeout": "1s"})") ==
        refusal("/health/receipt_timeout", R"("1s")",
                "its workers send no receipt; health.busy_timeout limits a connection"));
  for (const std::string key : {"ping_interval", "ping_timeout"}) {
    CHECK(refused(R"("health": {")" + key + R"(": "1s"})") ==
          refusal("/health/" + key, R"("1s")", "its workers cannot answer a ping; remove this"));
  }
}

TEST_CASE("the classic protocol keeps the supervisor's copy until a connection is done") {
  CHECK(parsed(pool_with(R"("protocol": "classic")")).pools[0].hold == Hold::kDone);
  CHECK(parsed(pool_with(R"("protocol": "classic", "hold": "done", "connections_per_worker": 1)"))
            .pools[0]
            .hold == Hold::kDone);
}

/// Checked with a directory of libraries.
std::vector<std::string> mistakes_with(const std::string& libraries, const std::string& members) {
  CommandSearch search = system_programs();
  search.libraries = libraries;
  const auto read = parse_config(pool_with(members), "pool.json", search);
  std::vector<std::string> lines;
  if (const auto* problems = std::get_if<ConfigProblems>(&read)) {
    for (const ConfigProblem& one : *problems) lines.push_back(one.message());
  }
  return lines;
}

TEST_CASE("FAULTS 271: a program that no library can be preloaded into is refused with the reason") {
  const TempDirectory directory;
  const std::string plain = directory.file("static", elf_text(""), 0755);
  const std::string script = directory.file("script", "#!" + plain + "\n", 0755);
  const auto refused = [](const std::string& program) {
    return mistake(R"({"listen": "127.0.0.1:0", "protocol": "accept", "command": [")" + program + "\"]}");
  };
  const std::string why =
      R"( cannot be used with "protocol": "accept": it is statically linked, and no library can be preloaded )"
      R"(into it; use "protocol": "accept-notify", a dynamically linked build of it, or one that speaks the )"
      R"(worker protocol ("protocol": "native"))";
  CHECK(refused(plain) == "pool.json: /command/0: \"" + plain + "\"" + why);
  CHECK(refused(script) == "pool.json: /command/0: \"" + script + "\": " + plain + why);
  CHECK(mistakes(R"({"listen": "127.0.0.1:0", "command": [")" + plain + "\"]}").empty());
}

TEST_CASE("FAULTS 307: a kernel that cannot report system calls is found by its release") {
  for (const char* good : {"5.14.0", "5.14.0-70.el9", "6.1.0-25-amd64", "10.0"})
    CHECK(release_can_notify(good));
  for (const char* bad : {"5.13.19", "4.19.0", "", "x"}) CHECK(!release_can_notify(bad));
}

TEST_CASE("the protocol accept-notify takes static programs, and refuses what it cannot serve") {
  const TempDirectory directory;
  const std::string plain = directory.file("static", elf_text(""), 0755);
  const auto mistakes_of = [&](const std::string& members) {
    return mistakes(R"({"protocol": "accept-notify", "command": [")" + plain + "\"], " + members + "}");
  };
  CHECK(mistakes_of(R"("listen": "127.0.0.1:0", "drain": "now", "drain_signal": "QUIT")").empty());
  CHECK(mistakes_of(R"("listen": "unix:@x")").empty());
  CHECK(mistakes_of(R"("listen": "unix:/run/x.sock")").front().find("use a TCP address, or unix:@NAME") !=
        std::string::npos);
  CHECK(
      mistakes_of(R"("listen": "127.0.0.1:0", "listen_fds": true)").front().find("is not allowed without") !=
      std::string::npos);
  CHECK(mistakes_of(R"("listen": "127.0.0.1:0", "start": "fork")").front().find("\"accept-notify\"") !=
        std::string::npos);
}

TEST_CASE("FAULTS 273: a supervisor without its accept library refuses pools that need it") {
  const TempDirectory directory;
  const std::string accept = R"("protocol": "accept")";
  CHECK(mistakes_with(directory.path(), accept) ==
        std::vector<std::string>{"pool.json: /protocol: \"accept\" needs the library \"" +
                                 directory.at("libprefork-accept.so") +
                                 "\": No such file or directory; install the supervisor completely"});
  (void)directory.file("libprefork-accept.so", "");
  CHECK(mistakes_with(directory.path(), accept).empty());
  CHECK(mistakes_with(directory.path(), "\"workers\": 1").empty());
  CHECK(mistakes_with("/no such", accept).front().find("has a space or a colon") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
