#include "config/program.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

constexpr mode_t kExecutable = 0755;
constexpr std::string_view kScript = "#!/bin/sh\nexit 0\n";

std::string fault(const std::string& name, const CommandSearch& search = {},
                  const std::string& directory = "") {
  const auto found = find_program(name, directory, search);
  REQUIRE_FALSE(found.ok());
  return found.error().message();
}

TEST_SUITE_BEGIN("program");

TEST_CASE("a name without a slash is looked up in PATH, then beside the supervisor") {
  const TempDirectory first;
  const TempDirectory second;
  const TempDirectory own;
  const CommandSearch search{first.path() + ":" + second.path(), own.path()};
  CHECK(fault("w", search) == "\"w\" is not found in PATH (\"" + search.path +
                                  "\") nor beside the supervisor's own program; write its path");
  const std::string beside = own.file("w", kScript, kExecutable);
  CHECK(find_program("w", "", search).value() == beside);
  const std::string in_path = second.file("w", kScript, kExecutable);
  CHECK(find_program("w", "", search).value() == in_path);
}

TEST_CASE(
    "FAULTS 28: what is found in the path but not executable is passed over, and named if nothing better is "
    "there") {
  const TempDirectory first;
  const TempDirectory second;
  const CommandSearch search{first.path() + "::relative:" + second.path(), ""};
  const std::string useless = first.file("w", kScript, 0644);
  CHECK(fault("w", search) == "\"w\": " + useless + " is not executable; make it so (chmod +x)");
  const std::string useful = second.file("w", kScript, kExecutable);
  CHECK(find_program("w", "", search).value() == useful);
}

TEST_CASE("FAULTS 187: a link and \"..\" in the path of a program lead where they lead for the kernel") {
  const TempDirectory directory;
  std::filesystem::create_directories(directory.at("release/bin"));
  std::filesystem::create_symlink(directory.at("release/bin"), directory.at("link"));
  (void)directory.file("w", kScript, kExecutable);
  const std::string program = directory.file("release/w", kScript, kExecutable);
  CHECK(find_program("link/../w", directory.path(), {}).value() == program);
  CHECK(find_program(directory.at("link/../w"), "/", {}).value() == program);
}

TEST_CASE("a path with a slash is relative to the pool's directory, or to the current one") {
  const TempDirectory directory;
  std::filesystem::create_directory(directory.at("bin"));
  const std::string program = directory.file("bin/w", kScript, kExecutable);
  CHECK(find_program("bin/w", directory.path(), {}).value() == program);
  CHECK(find_program("./bin/../bin/w", directory.path(), {}).value() == program);
  CHECK(find_program(program, "/", {}).value() == program);
  const std::string expected = (std::filesystem::current_path() / "bin/no-such-program").string();
  CHECK(fault("bin/no-such-program") ==
        "\"bin/no-such-program\": " + expected + " does not exist; install it, or correct the path");
}

TEST_CASE(
    "FAULTS 129: a program and a directory are pinned without links, but the program keeps its own name") {
  const TempDirectory directory;
  const std::string real = std::filesystem::canonical(directory.path()).string();
  std::filesystem::create_directories(directory.at("releases/1"));
  directory.file("releases/1/app", kScript, kExecutable);
  std::filesystem::create_symlink("app", directory.at("releases/1/alias"));
  std::filesystem::create_symlink("releases/1", directory.at("current"));
  const PinnedProgram pinned = pin_program(directory.at("current/alias"), directory.at("current"));
  CHECK(pinned.executable == real + "/releases/1/alias");
  CHECK(pinned.directory == real + "/releases/1");
  CHECK(pinned.size == kScript.size());
  CHECK(pin_program(directory.at("current/app"), "").inode == pinned.inode);
  CHECK(pin_program(directory.at("current/app"), "").directory.empty());
  const std::string other = directory.file("releases/1/other", kScript, kExecutable);
  std::filesystem::rename(other, directory.at("releases/1/app"));
  CHECK_FALSE(pin_program(directory.at("current/alias"), directory.at("current")) == pinned);
  CHECK(pin_program(directory.at("gone/app"), directory.at("gone")) == PinnedProgram{});
}

TEST_CASE("FAULTS 28: a program that cannot run is refused with the reason") {
  const TempDirectory directory;
  const auto says = [&](const std::string& name, const std::string& what) {
    CHECK(fault(directory.at(name)) == '"' + directory.at(name) + "\" " + what);
  };
  says("missing", "does not exist; install it, or correct the path");
  std::filesystem::create_directory(directory.at("directory"));
  says("directory", "is a directory; name the program in it");
  directory.file("data", "data", 0644);
  says("data", "is not executable; make it so (chmod +x)");
  directory.file("empty", "", kExecutable);
  says("empty", "is empty; it must be an ELF program, or a script that begins with #!");
  directory.file("text", "echo hello\n", kExecutable);
  says("text",
       "is neither an ELF program nor a script that begins with #!; name a program, or add that line");
  directory.file("headless", "#!  \n", kExecutable);
  says("headless", "is a script that names no interpreter after #!; write one, such as #!/bin/sh");
  directory.file("orphan", "#! /no/such/interpreter -x\n", kExecutable);
  says("orphan",
       "is a script whose interpreter /no/such/interpreter does not exist; install it, or correct the path");
  directory.file("dos", "#!/bin/sh\r\nexit 0\r\n", kExecutable);
  says("dos", "is a script whose first line ends in a carriage return; save it with the line ends of Unix");
  directory.file("backwards", "#!" + directory.at("data") + "\n", kExecutable);
  says("backwards",
       "is a script whose interpreter " + directory.at("data") + " is not executable; make it so (chmod +x)");
  says("data/below", "cannot be examined: Not a directory");
  REQUIRE(::mkfifo(directory.at("fifo").c_str(), kExecutable) == 0);
  says("fifo", "is not a regular file; name a program");
}

TEST_CASE("a long path of searched directories is cut with a sign") {
  const CommandSearch search{"/first:" + std::string(400, 'x'), ""};
  CHECK(fault("w", search).find("xxx\"... (407 bytes)) nor beside") != std::string::npos);
}

TEST_CASE("arguments that stand in one element with the program are told to stand alone") {
  CHECK(
      mistake(R"({"listen": "127.0.0.1:0", "command": ["/bin/cat -n  x"]})") ==
      R"(pool.json: /command/0: "/bin/cat -n  x" does not exist; install it, or correct the path; each argument )"
      R"(is an element of its own: ["/bin/cat", "-n", "x"])");
}

TEST_CASE("FAULTS 28: the problem has the pointer of the program's name") {
  CHECK(mistake(R"({"listen": "127.0.0.1:0", "command": ["/etc/passwd"]})") ==
        R"(pool.json: /command/0: "/etc/passwd" is not executable; make it so (chmod +x))");
  CHECK(mistake(R"({"pools": {"web": {"listen": "127.0.0.1:0", "command": [""]}}})") ==
        R"(pool.json: /pools/web/command/0: "" is not the name of a program; write its name or its path)");
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork
