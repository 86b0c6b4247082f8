// Where the control socket is when the configuration does not say it.
#include "config/control_place.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/control_path.h"
#include "proto/fd.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

/// A variable of the environment has another value meanwhile; null: it is not set.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      (void)::unsetenv(name_);
    } else {
      (void)::setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> before_;
};

std::string own_directory_without_session() {
  return ::geteuid() == 0 ? "/run/supervisor" : "/tmp/supervisor-" + std::to_string(::geteuid());
}

/// A bound socket; its file stays.
Fd bound_at(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  return socket;
}

TEST_SUITE_BEGIN("control place");

TEST_CASE("the name follows from the absolute path of the file, and never changes") {
  CHECK(default_control_name(std::string("/etc/supervisor/shop.json")) == "shop-fc5904dc.sock");
  CHECK(default_control_name(std::string("/etc/../etc/supervisor/./shop.json")) == "shop-fc5904dc.sock");
  CHECK(default_control_name(std::string("/srv/shop.json")) != "shop-fc5904dc.sock");
  CHECK(default_control_name(std::string("/srv/my shop\n.v2.json")).starts_with("my_shop_.v2-"));
  CHECK(default_control_name(std::string("/srv/") + std::string(200, 'x')).size() == 32 + 9 + 5);
  CHECK(default_control_name(pid_t{4711}) == "run-4711.sock");
}

TEST_CASE("the directory is that of the service, of the session, or of the user") {
  const TempDirectory session;
  const Variable no_service("RUNTIME_DIRECTORY", nullptr);
  {
    const Variable one("RUNTIME_DIRECTORY", "/run/shop:/run/other");
    CHECK(runtime_directory() == "/run/shop");
    CHECK(runtime_directories() == std::vector<std::string>{"/run/shop"});
  }
  {
    const Variable own("XDG_RUNTIME_DIR", session.path().c_str());
    CHECK(runtime_directory() == session.at("supervisor"));
    CHECK(runtime_directories().front() == session.at("supervisor"));
    CHECK(runtime_directories().at(1) == own_directory_without_session());
  }
  for (const char* none : {"", "relative", "/no/such/directory"}) {
    const Variable wrong("XDG_RUNTIME_DIR", none);
    CHECK(runtime_directory() == own_directory_without_session());
  }
}

TEST_CASE("the session directory of another user is not used") {
  if (::geteuid() != 0) return;  // only root can give a file away
  const TempDirectory session;
  REQUIRE(::chown(session.path().c_str(), 1000, 1000) == 0);
  const Variable no_service("RUNTIME_DIRECTORY", nullptr);
  const Variable theirs("XDG_RUNTIME_DIR", session.path().c_str());
  CHECK(runtime_directory() == "/run/supervisor");
}

TEST_CASE("FAULTS 459: a runtime directory that another user may have made is not used") {
  const TempDirectory directory;
  const auto refusal = [](const std::string& path) {
    const auto made = make_runtime_directory(path);
    return made ? "" : made.error().message();
  };
  CHECK(refusal(directory.at("new")).empty());
  CHECK(refusal(directory.at("new")).empty());
  std::filesystem::create_symlink(directory.at("new"), directory.at("link"));
  CHECK(refusal(directory.at("link")) == directory.at("link") + " is not a directory");
  REQUIRE(::chmod(directory.at("new").c_str(), 0777) == 0);
  CHECK(refusal(directory.at("new")) == "other users can write in the directory " + directory.at("new"));
  CHECK(refusal(directory.at("missing/deeper")).ends_with("No such file or directory"));
  if (::geteuid() != 0) return;  // only root can give a directory away
  REQUIRE(::chmod(directory.at("new").c_str(), 0755) == 0);
  REQUIRE(::chown(directory.at("new").c_str(), 1000, 1000) == 0);
  CHECK(refusal(directory.at("new")) ==
        "the directory " + directory.at("new") + " belongs to user 1000 and not to user 0");
}

TEST_CASE("a file without the key has its socket at the default place") {
  const TempDirectory directory;
  const Variable service("RUNTIME_DIRECTORY", directory.path().c_str());
  const std::string file = directory.file("shop.json", R"({"listen": ":80"})");
  const std::string path = directory.at(default_control_name(file));
  CHECK(control_path_of(file).value() == path);
  CHECK(control_sockets_in({directory.path()}).empty());
  const Fd socket = bound_at(path);
  (void)directory.file("other.sock", "");  // no socket
  CHECK(control_sockets_in({directory.path(), "/no/such"}) == std::vector<std::string>{path});
  CHECK(find_default_control(file) == path);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
