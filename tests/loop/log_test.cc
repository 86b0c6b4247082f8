// The log: a reader that is slow or gone cannot stop the supervisor.
#include "supervisor/loop/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "supervisor/loop/log_sink.h"
#include "tests/config/temp_directory.h"
#include "tests/support/in_a_child.h"

namespace prefork {
namespace {

using test::in_a_child;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  /// Reads what is there, without waiting.
  std::string drain() const {
    REQUIRE(::fcntl(out.get(), F_SETFL, O_NONBLOCK) == 0);
    std::string text;
    std::array<char, 65536> buffer{};
    for (ssize_t size = 0; (size = ::read(out.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
  Fd out;
  Fd in;
};

/// As normalize_process() leaves it; without it a write to a pipe without a reader would end the process.
struct IgnoredPipeSignal {
  IgnoredPipeSignal() : former(::signal(SIGPIPE, SIG_IGN)) {}
  ~IgnoredPipeSignal() { (void)::signal(SIGPIPE, former); }
  IgnoredPipeSignal(const IgnoredPipeSignal&) = delete;
  IgnoredPipeSignal& operator=(const IgnoredPipeSignal&) = delete;
  sighandler_t former;
};

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// Reads until the log's buffer is empty.
std::string read_all(const Pipe& pipe, Log& log) {
  std::string text = pipe.drain();
  while (!log.write_pending()) text += pipe.drain();
  return text + pipe.drain();
}

constexpr Duration kPatience = std::chrono::seconds(20);

volatile std::sig_atomic_t signals = 0;
void count_signal(int /*number*/) { signals = signals + 1; }

/// The end of a new terminal that a person sits at.
Fd open_terminal() {
  Fd screen(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(screen.valid());
  REQUIRE(::grantpt(screen.get()) == 0);
  REQUIRE(::unlockpt(screen.get()) == 0);
  return screen;
}

/// Makes it the terminal and the stderr of this process.
bool take_terminal(const Fd& screen) {
  std::array<char, 64> name{};
  if (::setsid() < 0 || ::ptsname_r(screen.get(), name.data(), name.size()) != 0) return false;
  const Fd terminal(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  return ::ioctl(terminal.get(), TIOCSCTTY, 0) == 0 && ::dup2(terminal.get(), STDERR_FILENO) >= 0;
}

std::string read_from(const Fd& screen) {
  std::array<char, 4096> buffer{};
  const ssize_t size = ::read(screen.get(), buffer.data(), buffer.size());
  return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : "";
}

constexpr std::size_t kLines = 2500;
const std::string kLine(1000, 'x');

TEST_CASE("a line has time in UTC, level and text; a line of a table has nothing before it") {
  const Pipe pipe;
  Log log(pipe.in.get());
  log.warn("worker {} died", 3);
  log.write_line("pool main: running");
  const std::string text = pipe.drain();
  CHECK(text.size() ==
        std::string("2026-01-31T12:00:00.123Z warning worker 3 died\npool main: running\n").size());
  CHECK(text.find("Z warning worker 3 died\n") == 23);
  CHECK(text.ends_with("\npool main: running\n"));
  CHECK_FALSE(log.waits());
}

TEST_CASE(
    "FAULTS 57: a pipe without a reader does not block; dropped lines are counted, and the count is logged") {
  const Pipe pipe;
  Log log(pipe.in.get());
  for (std::size_t i = 0; i < kLines; ++i) log.info("{}", kLine);
  CHECK(log.waits());
  CHECK(log.dropped() > 0);
  const std::uint64_t dropped = log.dropped();
  std::string text = read_all(pipe, log);
  log.info("the next line");
  text += read_all(pipe, log);
  CHECK(occurrences(text, kLine) == kLines - dropped);
  CHECK(text.find(" " + std::to_string(dropped) + " log lines were dropped") != std::string::npos);
  CHECK(text.ends_with("the next line\n"));
  CHECK(log.dropped() == 0);
}

TEST_CASE("FAULTS 57: buffered lines come whole and in order") {
  const Pipe pipe;
  Log log(pipe.in.get());
  for (int i = 0; i < 500; ++i) log.write_line(std::to_string(i) + ' ' + kLine);
  std::istringstream lines(read_all(pipe, log));
  int expected = 0;
  for (std::string line; std::getline(lines, line); ++expected) {
    REQUIRE(line == std::to_string(expected) + ' ' + kLine);
  }
  CHECK(expected == 500);
}

TEST_CASE("FAULTS 57: a reader that is gone raises no signal, and nothing is kept for it") {
  const IgnoredPipeSignal ignored;
  Pipe pipe;
  Log log(pipe.in.get());
  log.info("heard");
  pipe.out.reset();
  for (std::size_t i = 0; i < kLines; ++i) log.info("unheard");
  CHECK_FALSE(log.waits());
  CHECK(log.dropped() > 0);
}

TEST_CASE("FAULTS 57: a log that was never read does no harm") {
  const IgnoredPipeSignal ignored;
  Pipe pipe;
  pipe.out.reset();
  Log log(pipe.in.get());
  for (int i = 0; i < 10; ++i) log.write_line("unheard");
  CHECK_FALSE(log.waits());
}

TEST_CASE(
    "FAULTS 57: a log socket that is not read, or whose reader is gone, does not block and raises no "
    "signal") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  Fd reader(ends[0]);
  const Fd writer(ends[1]);
  Log log(writer.get());
  for (std::size_t i = 0; i < kLines; ++i) log.write_line(kLine);
  CHECK(log.waits());
  CHECK((::fcntl(writer.get(), F_GETFL) & O_NONBLOCK) == 0);
  reader.reset();
  (void)log.write_pending();
  CHECK_FALSE(log.waits());
}

TEST_CASE("FAULTS 57: the descriptor's own flags stay as they are: it is shared with others") {
  const Pipe pipe;
  Log log(pipe.in.get());
  for (std::size_t i = 0; i < 100; ++i) log.write_line(kLine);
  CHECK(log.waits());
  CHECK((::fcntl(pipe.in.get(), F_GETFL) & O_NONBLOCK) == 0);
}

/// An open file whose disk can be full.
class DiskFile {
 public:
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }
  void fill_disk() const { REQUIRE(::dup3(full_.get(), file_.get(), O_CLOEXEC) >= 0); }
  void make_room() const { REQUIRE(::dup3(kept_.get(), file_.get(), O_CLOEXEC) >= 0); }

 private:
  TempDirectory directory_;
  std::string path_ = directory_.file("log", "");
  Fd file_{::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
  Fd kept_{::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0)};
  Fd full_{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
};

TEST_CASE("FAULTS 56: a full disk neither blocks nor ends anything; when there is room again all is told") {
  const DiskFile file;
  Log log(file.descriptor());
  log.info("before");
  file.fill_disk();
  for (std::size_t i = 0; i < kLines; ++i) log.info("{}", kLine);
  CHECK(log.waits());
  const std::uint64_t dropped = log.dropped();
  CHECK(dropped > 0);
  file.make_room();
  log.info("after");
  CHECK_FALSE(log.waits());
  const std::string text = content(file.path());
  CHECK(occurrences(text, kLine) == kLines - dropped);
  CHECK(text.find(std::to_string(dropped) + " log lines were dropped") != std::string::npos);
  CHECK(text.find("before\n") < text.find(kLine));
  CHECK(text.ends_with("after\n"));
}

TEST_CASE("FAULTS 92: a log that has reached the limit of a file's size drops lines, and ends nothing") {
  const TempDirectory directory;
  const std::string path = directory.file("log", "");
  CHECK(in_a_child([&] {
    (void)::signal(SIGXFSZ, SIG_IGN);  // as normalize_process() leaves it
    constexpr rlimit kLimit{.rlim_cur = 10'000, .rlim_max = 10'000};
    (void)::setrlimit(RLIMIT_FSIZE, &kLimit);
    const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    Log log(file.get());
    for (std::size_t i = 0; i < kLines; ++i) log.info("{}", kLine);
    const bool cut = log.waits() && log.dropped() > 0;
    return cut && ::truncate(path.c_str(), 0) == 0 && !log.write_pending() && log.waits();
  }));
  CHECK(content(path).size() == 10'000);
}

TEST_CASE("FAULTS 88: a file is written in a thread, line by line and in order") {
  const TempDirectory directory;
  const std::string path = directory.file("log", "");
  const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Log log(file.get());
  log.write_line("before");
  REQUIRE(log.never_wait());
  for (std::size_t i = 0; i < 500; ++i) log.write_line(std::to_string(i) + ' ' + kLine);
  log.write_rest(kPatience);
  CHECK_FALSE(log.waits());
  std::istringstream lines(content(path));
  std::string line;
  std::getline(lines, line);
  CHECK(line == "before");
  std::size_t expected = 0;
  for (; std::getline(lines, line); ++expected) REQUIRE(line == std::to_string(expected) + ' ' + kLine);
  CHECK(expected == 500);
}

TEST_CASE("FAULTS 88: a pipe that cannot be opened again, and is full, does not wait") {
  // As in a supervisor that has given up root, and whose stderr is root's: only the thread can write.
  CHECK(in_a_child([] {
    static const Pipe pipe;  // not closed: a thread still writes to it
    if (::fchmod(pipe.in.get(), 0) != 0 || ::setresuid(60001, 60001, 60001) != 0) return false;
    Log log(pipe.in.get());
    if (!log.never_wait()) return false;
    for (std::size_t i = 0; i < kLines; ++i) log.write_line(kLine);
    return log.writing() && log.waits();
  }));
}

TEST_CASE("FAULTS 88: while the log is held nothing is written in the thread, and nothing is lost") {
  const TempDirectory directory;
  const std::string path = directory.file("log", "");
  const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Log log(file.get());
  REQUIRE(log.never_wait());
  log.hold(true);
  log.write_line("held");
  CHECK_FALSE(log.writing());
  CHECK(log.waiting() == "held\n");
  CHECK(content(path).empty());
  log.hold(false);
  log.write_rest(kPatience);
  CHECK(content(path) == "held\n");
}

TEST_CASE("FAULTS 90: on a terminal with tostop, lines from the background are written and raise no signal") {
  const Fd screen = open_terminal();
  CHECK(in_a_child([&] {
    // This process has the terminal, its child is in the background.
    if (!take_terminal(screen)) return false;
    termios settings{};
    (void)::tcgetattr(STDERR_FILENO, &settings);
    settings.c_lflag |= TOSTOP;
    (void)::tcsetattr(STDERR_FILENO, TCSANOW, &settings);
    return in_a_child([] {
      (void)::setpgid(0, 0);
      (void)::alarm(10);
      (void)::signal(SIGTTOU, count_signal);
      Log log(STDERR_FILENO);
      log.write_line("from the background");
      return !log.waits() && log.dropped() == 0 && signals == 0;
    });
  }));
  CHECK(read_from(screen).find("from the background") != std::string::npos);
}

TEST_CASE("FAULTS 90: a terminal that is held with Ctrl-S does not wait") {
  const Fd screen = open_terminal();
  CHECK(in_a_child([&] {
    if (!take_terminal(screen) || ::tcflow(STDERR_FILENO, TCOOFF) != 0) return false;
    Log log(STDERR_FILENO);
    for (std::size_t i = 0; i < kLines; ++i) log.write_line(kLine);
    return log.waits() && log.dropped() > 0;
  }));
}

TEST_CASE("FAULTS 541: while the log cannot be written, it is told why") {
  const DiskFile file;
  Log log(file.descriptor());
  log.info("before");
  CHECK(log.sink().fault().empty());
  file.fill_disk();
  log.info("there is no room for this");
  CHECK(log.sink().fault() ==
        "standard error cannot be written: No space left on device; "
        "lines wait in memory, and are dropped beyond 1 MiB");
  file.make_room();
  log.info("after");
  CHECK(log.sink().fault().empty());

  const IgnoredPipeSignal ignored;
  Pipe pipe;
  Log unread(pipe.in.get());
  pipe.out.reset();
  unread.info("no reader is left");
  CHECK(unread.sink().fault() == "standard error cannot be written: Broken pipe; lines are dropped");
}

TEST_CASE("FAULTS 56: a device that is always full takes nothing and stops nothing") {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Log log(full.get());
  for (std::size_t i = 0; i < kLines; ++i) log.write_line(kLine);
  CHECK(log.dropped() > 0);
}

/// The objects of a JSON log. Each line must be one.
std::vector<nlohmann::json> objects_in(const std::string& text) {
  std::vector<nlohmann::json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) objects.push_back(nlohmann::json::parse(line));
  return objects;
}

TEST_CASE("each line of a JSON log is an object: time, level, message, and what the line is about") {
  const Pipe pipe;
  Log log(pipe.in.get());
  log.set_format(LogFormat::kJson);
  const LogSubject worker{.pool = "web", .worker = 3, .pid = 4711};
  log.info("a start\nin two lines, \"quoted\" \xff");
  log.warn("{} died: {}", worker, "exited");
  log.error("{}: stopped", LogSubject{.pool = "web"});
  log.debug("{} is below the level", worker);
  log.worker_line("web[4711]", "hello");
  log.write_line("a line of the table");
  const auto lines = objects_in(pipe.drain());
  REQUIRE(lines.size() == 5);
  const auto is = [](nlohmann::json line, const char* expected) {
    CHECK(line["time"].get<std::string>().size() == std::string("2026-01-31T12:34:56.789Z").size());
    line.erase("time");
    CHECK(line == nlohmann::json::parse(expected));
  };
  is(lines[0], R"({"level": "info", "message": "a start\nin two lines, \"quoted\" \ufffd"})");
  is(lines[1], R"({"level": "warning", "message": "pool web: worker 3 (pid 4711) died: exited",
                   "pool": "web", "worker": 3, "pid": 4711})");
  is(lines[2], R"({"level": "error", "message": "pool web: stopped", "pool": "web"})");
  is(lines[3], R"({"level": "info", "message": "hello", "pool": "web", "pid": 4711, "stream": "output"})");
  is(lines[4], R"({"level": "info", "message": "a line of the table"})");
  log.set_format(LogFormat::kText);
  log.info("{} died: {}", worker, "exited");
  log.worker_line("web[4711]", "hello");
  const std::string text = pipe.drain();
  CHECK(text.find("Z info    pool web: worker 3 (pid 4711) died: exited\n") != std::string::npos);
  CHECK(text.find("Z info    web[4711]: hello\n") != std::string::npos);
}

TEST_CASE("that lines of a JSON log were dropped is an object, too, and about no pool") {
  const Pipe pipe;
  Log log(pipe.in.get());
  log.set_format(LogFormat::kJson);
  while (log.dropped() == 0) log.worker_line("web[4711]", std::string(10'000, 'x'));
  std::string text = read_all(pipe, log);
  log.worker_line("web[4711]", "after");
  text += read_all(pipe, log);
  const auto lines = objects_in(text);
  REQUIRE(lines.size() > 2);
  const nlohmann::json& note = lines[lines.size() - 2];
  CHECK(note["message"].get<std::string>().starts_with("1 log line was dropped"));
  CHECK(note["level"] == "warning");
  CHECK_FALSE(note.contains("pool"));
  CHECK(lines.back()["message"] == "after");
}

}  // namespace
}  // namespace prefork
