// A configuration comes into force as a whole, or not at all. With workers: e2e/reload and e2e/reload_pools.
#include "supervisor/app/reloader.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/listen_address.h"
#include "proto/fd.h"
#include "tests/app/parts.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using namespace test;

using Texts = std::vector<std::string>;

/// A file with these pools. Without workers, and without the seccomp filter, which would stay.
std::string text_of(std::string_view pools, std::string_view keys = "") {
  return R"({"seccomp": false, )" + std::string(keys) + R"("pools": {)" + std::string(pools) + "}}";
}

std::string pool(const std::string& name, const std::string& more = "") {
  return '"' + name + R"(": {"listen": "127.0.0.1:0", "command": ["/bin/true"], "workers": 0)" + more + '}';
}

struct Reloading : public Parts {
  explicit Reloading(const std::string& text) {
    write(text);
    auto loaded = load_config(file, CommandSearch{});
    REQUIRE(std::holds_alternative<Config>(loaded));
    const auto started = reloader.start(std::get<Config>(loaded), {});
    REQUIRE_MESSAGE(started.ok(), (started.ok() ? "" : started.error().message()));
  }
  void write(const std::string& text) const { directory.file("pool.json", text); }
  [[nodiscard]] ReloadVerdict reload(const std::string& text) {
    write(text);
    return reload();
  }
  [[nodiscard]] ReloadVerdict reload() {
    return reloader.reload(read_config(reloader.request(), {}, AskForUser::kByModes));
  }
  [[nodiscard]] Texts present() const {
    Texts names;
    for (const auto& each : pools.present()) names.push_back(each->config().name);
    return names;
  }
  [[nodiscard]] SupervisorState state() const {
    SupervisorState state;
    reloader.write_state(state);
    return state;
  }
  /// Where a pool really listens.
  [[nodiscard]] std::string place_of(const std::string& name) const {
    return pools.find(name)->status(/*workers=*/false).listeners.at(0).name;
  }

  TempDirectory directory;
  std::string file = directory.at("pool.json");
  Reloader reloader{{file, {}}, {log, pools, control, admin, spawner, clients}};
};

TEST_CASE("the first configuration creates its pools in their order") {
  const Reloading reloading(text_of(pool("web") + ", " + pool("api")));
  CHECK(reloading.present() == Texts{"web", "api"});
  CHECK(reloading.state().running.config_text == text_of(pool("web") + ", " + pool("api")));
  CHECK(reloading.state().config_file == reloading.file);
  CHECK(reloading.state().config_lock == Carried::kNone);
}

TEST_CASE("a reload adds, changes, removes and reorders pools, and says so") {
  Reloading reloading(text_of(pool("web") + ", " + pool("old")));
  const ReloadVerdict verdict = reloading.reload(text_of(pool("api") + ", " + pool("web", R"(, "nice": 5)")));
  CHECK(verdict.applied);
  CHECK(verdict.mistakes.empty());
  REQUIRE(verdict.changes.size() == 3);
  CHECK(verdict.changes[0] == "pool api: added");
  CHECK(verdict.changes[1].starts_with("pool web: reloaded, "));
  CHECK(verdict.changes[2] == "pool old: not in the configuration any more; stopping");
  CHECK(reloading.present() == Texts{"api", "web"});
  REQUIRE(reloading.pools.leaving().size() == 1);
  CHECK(reloading.pools.leaving()[0]->removed_from() == text_of(pool("web") + ", " + pool("old")));
}

TEST_CASE("a reload that sets a number of workers back to that of the file says so") {
  Reloading reloading(text_of(pool("web")));
  reloading.pools.find("web")->resize(3);
  const ReloadVerdict back = reloading.reload();
  REQUIRE(back.changes.size() == 1);
  CHECK(back.changes[0] == "pool web: reloaded, workers 0");
  CHECK(reloading.reload().changes.at(0) == "pool web: reloaded, unchanged");
}

TEST_CASE("a pool keeps its listening socket through a reload") {
  Reloading reloading(text_of(pool("web")));
  const std::string place = reloading.place_of("web");
  REQUIRE(reloading.reload(text_of(pool("web") + ", " + pool("api"))).applied);
  CHECK(reloading.place_of("web") == place);
}

TEST_CASE("a file with mistakes is refused with all of them and changes nothing") {
  Reloading reloading(text_of(pool("web")));
  const SupervisorState before = reloading.state();
  const ReloadVerdict verdict =
      reloading.reload(text_of(pool("api", R"(, "wokers": 1)") + ", " + pool("web", R"(, "hold": 7)")));
  CHECK_FALSE(verdict.applied);
  CHECK(verdict.mistakes.size() == 2);
  CHECK(verdict.changes.empty());
  CHECK(reloading.present() == Texts{"web"});
  CHECK(reloading.pools.leaving().empty());
  CHECK(reloading.state().running.config_text == before.running.config_text);
}

TEST_CASE("FAULTS 41: a file that names a port in use is refused as a whole, and the next reload works") {
  Reloading reloading(text_of(pool("web")));
  const std::string place = reloading.place_of("web");
  std::optional<ListenSocket> other;
  if (auto opened = ListenSocket::open(parse_listen_address("127.0.0.1:0").value()); opened)
    other.emplace(std::move(opened).value());
  REQUIRE(other);
  const std::string taken = other->name();
  const std::string api = text_of(
      R"("api": {"command": ["/bin/true"], "workers": 0, "listen": ["127.0.0.1:0", ")" + taken + "\"]}");
  const ReloadVerdict verdict = reloading.reload(api);
  CHECK_FALSE(verdict.applied);
  REQUIRE(verdict.mistakes.size() == 1);
  CHECK(verdict.mistakes[0].find(taken) != std::string::npos);
  CHECK(reloading.present() == Texts{"web"});
  CHECK(reloading.pools.leaving().empty());
  CHECK(reloading.place_of("web") == place);
  other.reset();
  CHECK(reloading.reload(api).applied);
  CHECK(reloading.present() == Texts{"api"});
}

TEST_CASE("the control socket opens, moves and closes as the file says") {
  Reloading reloading(text_of(pool("web"), R"("control": false, )"));
  CHECK(reloading.control.path().empty());
  const std::string path = reloading.directory.at("control");
  const ReloadVerdict opened = reloading.reload(text_of(pool("web"), R"("control": ")" + path + R"(", )"));
  REQUIRE(opened.applied);
  CHECK(opened.changes.at(0) == "control socket at " + path);
  CHECK(reloading.control.path() == path);
  const ReloadVerdict closed = reloading.reload(text_of(pool("web"), R"("control": false, )"));
  REQUIRE(closed.applied);
  CHECK(closed.changes.at(0) == "control socket closed");
  CHECK(reloading.control.path().empty());
}

TEST_CASE("keys that only a restart changes are reported as such") {
  Reloading reloading(text_of(pool("web")));
  const ReloadVerdict verdict = reloading.reload(R"({"seccomp": true, "pools": {)" + pool("web") + "}}");
  REQUIRE(verdict.applied);
  CHECK(verdict.changes.at(0) == "seccomp on: takes effect when the supervisor is restarted");
}

TEST_CASE("FAULTS 75: the lock that an earlier version has taken on the file is given up by an upgrade") {
  Reloading reloading(text_of(pool("web")));
  SupervisorState state = reloading.state();
  const Fd file(::open(reloading.file.c_str(), O_RDONLY | O_CLOEXEC));
  {
    Fd lock(::open(reloading.file.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
    state.config_lock = Carried{lock.release()};
  }
  CHECK(::flock(file.get(), LOCK_EX | LOCK_NB) < 0);
  reloading.reloader.adopt(state, {});
  CHECK(::flock(file.get(), LOCK_EX | LOCK_NB) == 0);
}

std::string two_at_port_0(const std::string& more = "") {
  return text_of(
      R"("web": {"listen": ["127.0.0.1:0", "127.0.0.1:0"], "command": ["/bin/true"], "workers": 0)" + more +
      '}');
}

Texts places_of(const Reloading& reloading) {
  Texts places;
  for (const auto& listener : reloading.pools.find("web")->status(/*workers=*/false).listeners)
    places.push_back(listener.name);
  return places;
}

TEST_CASE("FAULTS 98: two listeners at port 0 stay two, at their ports, through reloads") {
  Reloading reloading(two_at_port_0());
  const Texts before = places_of(reloading);
  REQUIRE(before.size() == 2);
  CHECK(before[0] != before[1]);
  for (const char* more : {"", R"(, "nice": 1)", ""}) {
    REQUIRE(reloading.reload(two_at_port_0(more)).applied);
    CHECK(places_of(reloading) == before);
  }
  REQUIRE(reloading.reload(text_of(pool("web"))).applied);
  CHECK(places_of(reloading) == Texts{before[0]});
}

TEST_CASE("FAULTS 98: a new pool at port 0 does not get the socket of a pool that keeps it") {
  Reloading reloading(text_of(pool("web")));
  const std::string place = reloading.place_of("web");
  REQUIRE(reloading.reload(text_of(pool("api") + ", " + pool("web"))).applied);
  CHECK(reloading.place_of("web") == place);
  CHECK(reloading.place_of("api") != place);
}

/// A pool at a unix socket, and a control socket.
struct WithFiles {
  TempDirectory sockets;
  std::string path = sockets.at("pool.sock");
  std::string control = sockets.at("control.sock");
  [[nodiscard]] std::string text(const std::string& mode = "0666", const std::string& more = "") const {
    return text_of(R"("web": {"listen": {"address": "unix:)" + path + R"(", "mode": ")" + mode +
                       R"("}, "command": ["/bin/true"], "workers": 0})",
                   R"("control": ")" + control + R"(", )" + more);
  }
};

Fd connected(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) < 0) client.reset();
  return client;
}
bool connects(const std::string& path) { return connected(path).valid(); }

TEST_CASE("FAULTS 77, 79: the status says that a socket's file was removed, and a reload opens it anew") {
  const WithFiles files;
  Reloading reloading(files.text());
  const auto missing = [&] {
    return reloading.pools.find("web")->status(/*workers=*/false).listeners.at(0).file_missing;
  };
  CHECK_FALSE(missing());
  CHECK(reloading.reload(files.text()).applied);
  const Fd waiting = connected(files.path);
  CHECK(waiting.valid());
  SUBCASE("removed") { REQUIRE(::unlink(files.path.c_str()) == 0); }
  SUBCASE("a stale socket is in its place") {
    REQUIRE(::unlink(files.path.c_str()) == 0);
    const Fd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, files.path.data(), files.path.size());
    REQUIRE(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  }
  CHECK(missing());
  CHECK_FALSE(connects(files.path));
  CHECK(reloading.reload(files.text()).applied);
  CHECK_FALSE(missing());
  CHECK(connects(files.path));
  CHECK(reloading.pools.find("web")->status(/*workers=*/false).queued == 1);  // from the old backlog
  CHECK(reloading.pools.find("web")->status(/*workers=*/false).listeners.at(0).accepted == 1);
}

TEST_CASE("FAULTS 77: a socket whose path another process has taken goes on without its file") {
  const WithFiles files;
  Reloading reloading(files.text());
  REQUIRE(::unlink(files.path.c_str()) == 0);
  auto other = ListenSocket::open(parse_listen_address("unix:" + files.path).value());
  REQUIRE(other.ok());
  CHECK(reloading.reload(files.text()).applied);
  CHECK(reloading.pools.find("web")->status(/*workers=*/false).listeners.at(0).file_missing);
  CHECK_FALSE(other.value().file_is_gone());
  CHECK(connects(files.path));
}

TEST_CASE("FAULTS 162: a mode that a reload cannot set is set by the next one, and the verdict says so") {
  const WithFiles files;
  Reloading reloading(files.text("0666"));
  const auto mode = [&] {
    struct stat status {};
    REQUIRE(::lstat(files.path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
  };
  const std::string second_name = files.sockets.at("second.sock");
  REQUIRE(::link(files.path.c_str(), second_name.c_str()) == 0);
  const ReloadVerdict verdict = reloading.reload(files.text("0600"));
  CHECK(verdict.applied);
  REQUIRE_FALSE(verdict.changes.empty());
  CHECK(
      verdict.changes.front() ==
      "listen unix:" + files.path +
          ": something else has been put in the place of the socket; this listener stays as it was until the "
          "next reload");
  CHECK(mode() == 0666);
  REQUIRE(::unlink(second_name.c_str()) == 0);
  CHECK(reloading.reload(files.text("0600")).applied);
  CHECK(mode() == 0600);
}

TEST_CASE("FAULTS 127: a reload that is refused for its log file has opened no socket meanwhile") {
  const WithFiles files;
  Reloading reloading(files.text());
  REQUIRE(::unlink(files.path.c_str()) == 0);
  const auto last_change = [&] {
    struct stat status {};
    REQUIRE(::stat(files.sockets.path().c_str(), &status) == 0);
    return std::pair(status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  };
  const auto before = last_change();
  const std::string too_long = files.sockets.at(std::string(300, 'x'));
  const ReloadVerdict verdict =
      reloading.reload(files.text("0666", R"("log": {"file": ")" + too_long + R"("}, )"));
  REQUIRE_FALSE(verdict.applied);
  CHECK(verdict.mistakes.front().ends_with("cannot be opened: File name too long"));
  CHECK(last_change() == before);
}

TEST_CASE("FAULTS 97: a control socket whose file was removed is opened anew by a reload") {
  const WithFiles files;
  Reloading reloading(files.text());
  CHECK(reloading.reload(files.text()).changes.size() == 1);
  REQUIRE(::unlink(files.control.c_str()) == 0);
  CHECK(reloading.control.file_is_removed());
  const ReloadVerdict verdict = reloading.reload(files.text());
  REQUIRE(verdict.applied);
  CHECK(verdict.changes.at(0) == "control socket at " + files.control);
  CHECK_FALSE(reloading.control.file_is_removed());
  CHECK(connects(files.control));
}

TEST_CASE("a reload opens the control socket at the default place, moves it away and closes it") {
  Reloading reloading(text_of(pool("web")));
  const std::string usual = reloading.state().control.default_path;
  CHECK(reloading.control.path() == usual);
  CHECK(connects(usual));
  CHECK(reloading.reload().changes.size() == 1);
  const std::string path = reloading.directory.at("control");
  REQUIRE(reloading.reload(text_of(pool("web"), R"("control": ")" + path + R"(", )")).applied);
  CHECK_FALSE(connects(usual));
  CHECK(reloading.reload(text_of(pool("web"))).changes.at(0) == "control socket at " + usual);
  CHECK_FALSE(connects(path));
  REQUIRE(::unlink(usual.c_str()) == 0);
  CHECK(reloading.reload().changes.at(0) == "control socket at " + usual);
  CHECK(connects(usual));
}

TEST_CASE("a version that takes over from one without a default opens the control socket") {
  Reloading reloading(text_of(pool("web"), R"("control": false, )"));
  SupervisorState state = reloading.state();
  state.control.default_path.clear();
  Config config;
  config.control_by_default = false;
  reloading.reloader.adopt(state, config);
  reloading.reloader.open_missing_control();
  CHECK(reloading.control.path().empty());
  config.control_by_default = true;
  reloading.reloader.adopt(state, config);
  reloading.reloader.open_missing_control();
  CHECK(connects(reloading.control.path()));
}

}  // namespace
}  // namespace prefork
