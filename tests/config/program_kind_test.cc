// What a command leads to, by way of scripts, env and shells.
#include "config/program_kind.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/config/elf_text.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

using Kind = ProgramKind::Kind;
constexpr mode_t kExecutable = 0755;

/// A directory that is the only one in PATH, with one program of each kind.
class Programs {
 public:
  Programs() {
    (void)add("dynamic", elf_text(kGlibcLoader));
    (void)add("musl", elf_text("/lib/ld-musl-x86_64.so.1"));
    (void)add("bionic", elf_text("/system/bin/linker64"));
    (void)add("static", elf_text(""));
    (void)add("go", elf_text("", "Go"));
    (void)add("cgo", elf_text(kGlibcLoader, "Go"));
    (void)add("sh", elf_text(kGlibcLoader));
    (void)add("env", elf_text(kGlibcLoader));
    (void)add("busybox", elf_text(""));
  }
  std::string add(const std::string& name, std::string_view text, mode_t mode = kExecutable) const {
    return directory_.file(name, text, mode);
  }
  [[nodiscard]] std::string at(const std::string& name) const { return directory_.at(name); }
  [[nodiscard]] ProgramKind of(const std::vector<std::string>& command) const {
    return kind_of_program(at(command.front()), command,
                           {directory_.path(), "relative::" + directory_.path()});
  }
  [[nodiscard]] Kind kind(const std::vector<std::string>& command) const { return of(command).kind; }

 private:
  TempDirectory directory_;
};

TEST_SUITE_BEGIN("program kind");

TEST_CASE("a program is judged by its loader, and by the language that needs none of its functions") {
  const Programs programs;
  CHECK(programs.kind({"dynamic"}) == Kind::kGlibc);
  CHECK(programs.kind({"musl"}) == Kind::kMusl);
  CHECK(programs.kind({"bionic"}) == Kind::kOtherLoader);
  CHECK(programs.kind({"static"}) == Kind::kStatic);
  CHECK(programs.kind({"go"}) == Kind::kGo);
  CHECK(programs.kind({"cgo"}) == Kind::kGo);
  CHECK(kind_of_program("/proc/self/exe", {"x"}, {}).kind == Kind::kGlibc);
}

TEST_CASE("scripts, env and a shell's plain exec lead to the program that runs in the end") {
  const Programs programs;
  (void)programs.add("script", "#! " + programs.at("static") + "\n");
  (void)programs.add("by-env", "#!" + programs.at("env") + " static\n");
  (void)programs.add("by-env-s", "#!" + programs.at("env") + " -S A=b static -x  \n");
  (void)programs.add("relative", "#!static\n");
  (void)programs.add("twice", "#!" + programs.at("by-env") + "\n");
  for (const char* name : {"script", "by-env", "by-env-s", "relative", "twice"}) {
    CAPTURE(name);
    const ProgramKind found = programs.of({name});
    CHECK(found.kind == Kind::kStatic);
    CHECK(found.file == programs.at("static"));
  }
  CHECK(programs.kind({"env", "A=b", "static", "x"}) == Kind::kStatic);
  CHECK(programs.kind({"env", "./static"}) == Kind::kStatic);
  CHECK(programs.kind({"sh", "-c", "exec static --port 80"}) == Kind::kStatic);
  CHECK(programs.kind({"sh", "-c", "exec env A=b sh -c"}) == Kind::kGlibc);
  CHECK(programs.kind({"busybox", "httpd"}) == Kind::kStatic);
}

TEST_CASE("what a shell starts in another way is not known, and what is not known is not refused") {
  const Programs programs;
  for (const std::string text :
       {"static", "exec $SERVER", "exec static; x", "exec -a x static", "exec A=b static"})
    CHECK(programs.kind({"sh", "-c", text}) == Kind::kGlibc);  // the shell's own
  CHECK(programs.kind({"env", "-i", "static"}) == Kind::kGlibc);
  CHECK(programs.kind({"env", "missing"}) == Kind::kUnknown);
  CHECK(programs.kind({"busybox", "sh", "-c", "static"}) == Kind::kUnknown);
  (void)programs.add("text", "hello");
  CHECK(programs.kind({"text"}) == Kind::kUnknown);
  CHECK(why_not_preloaded({Kind::kUnknown, "x"}).empty());
}

TEST_CASE("a file that gives its process other rights is told apart, even where it cannot be read") {
  const Programs programs;
  for (const mode_t mode : {mode_t{04755}, mode_t{02755}, mode_t{04711}}) {
    REQUIRE(::chmod(programs.at("dynamic").c_str(), mode) == 0);
    CHECK(programs.kind({"dynamic"}) == Kind::kSetId);
  }
  REQUIRE(::chmod(programs.at("dynamic").c_str(), 02745) == 0);  // for locks, not for rights
  CHECK(programs.kind({"dynamic"}) == Kind::kGlibc);
}

TEST_CASE("FAULTS 272: interpreters in a circle, pipes and missing files end the search, and nothing waits") {
  const Programs programs;
  (void)programs.add("one", "#!" + programs.at("two") + "\n");
  (void)programs.add("two", "#!" + programs.at("one") + "\n");
  CHECK(programs.kind({"one"}) == Kind::kUnknown);
  (void)programs.add("itself", "#!" + programs.at("env") + " itself\n");
  CHECK(programs.kind({"itself"}) == Kind::kUnknown);
  REQUIRE(::mkfifo(programs.at("pipe").c_str(), kExecutable) == 0);
  CHECK(programs.kind({"pipe"}) == Kind::kUnknown);
  (void)programs.add("to-pipe", "#!" + programs.at("pipe") + "\n");
  CHECK(programs.kind({"to-pipe"}) == Kind::kUnknown);
  for (const std::string text : {"#!", "#! \t \n", "#!\n", "#!/no/such/file\n", "#!/dev/zero\n", "#!/\n"}) {
    (void)programs.add("odd", text);
    CHECK(programs.kind({"odd"}) == Kind::kUnknown);
  }
  (void)programs.add("long", "#!/" + std::string(5000, 'x'));
  CHECK(programs.kind({"long"}) == Kind::kUnknown);
}

TEST_CASE("each reason has a way out") {
  for (const Kind kind : {Kind::kOtherLoader, Kind::kStatic, Kind::kGo, Kind::kSetId, Kind::kCapabilities,
                          Kind::kOtherMachine}) {
    const std::string why = why_not_preloaded({kind, "/x", "/loader"});
    CHECK(why.find("; use ") != std::string::npos);
  }
}

TEST_CASE("a server that no library can be preloaded into has the protocol accept-notify") {
  for (const Kind kind : {Kind::kStatic, Kind::kGo}) {
    CHECK(protocol_for({kind, "/x"}) == Protocol::kAcceptNotify);
    CHECK(why_not_notified({kind, "/x"}).empty());
  }
  for (const Kind kind : {Kind::kUnknown, Kind::kGlibc, Kind::kMusl})
    CHECK(protocol_for({kind, "/x"}) == Protocol::kAccept);
  for (const Kind kind : {Kind::kSetId, Kind::kCapabilities, Kind::kOtherMachine})
    CHECK(why_not_notified({kind, "/x"}).find("; use a") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
