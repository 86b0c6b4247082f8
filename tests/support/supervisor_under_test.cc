#include "tests/support/supervisor_under_test.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

namespace prefork::test {
namespace {

int to_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> all;
  all.reserve(strings.size() + 1);
  for (const std::string& text : strings) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return std::string(PROGRAM_DIRECTORIES) + ':' + (path == nullptr ? "/usr/bin:/bin" : path);
}

}  // namespace

SupervisorUnderTest::SupervisorUnderTest(const PoolText& pool)
    : SupervisorUnderTest(pool.text(), Options{.listeners = pool.listen.size()}) {}

SupervisorUnderTest::SupervisorUnderTest(const std::string& config, const Options& options)
    : gates_(directory_.at("gates")),
      config_file_(options.config_file.empty() ? directory_.at("pool.json") : options.config_file),
      control_(options.control.empty() ? directory_.at("control.sock") : options.control),
      session_(control_),
      exceptions_at_start_(std::uncaught_exceptions()) {
  // What the supervisor leaves behind when it is killed comes to the test, which ends it.
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  if (options.config_file.empty()) rewrite_config(config);
  start(options);
  if (!options.await_start) return;
  const bool listens =
      holds_within(kPatience, [&] { return addresses().size() >= options.listeners || !is_alive(pid_); });
  if (listens && is_alive(pid_)) {
    // From the first event on, however many come, and before a test takes its descriptors away.
    if (options.subscribe && ::access(control_.c_str(), F_OK) == 0) expect_upgrade();
    return;
  }
  const std::string text = log();
  clear_up();
  FAIL("the supervisor has not started: ", text);
}

void SupervisorUnderTest::start(const Options& options) {
  handed_over_ = options.handed_over;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  log_end_.reset(ends[0]);
  const Fd theirs(ends[1]);
  REQUIRE(::fcntl(log_end_.get(), F_SETFL, O_NONBLOCK) == 0);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) become_supervisor(options, theirs.get());
}

void SupervisorUnderTest::become_supervisor(const Options& options, int log) const {
  // A test that is killed takes its supervisor along, and that its workers.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::dup2(log, STDERR_FILENO);
  (void)::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);  // what the test itself was started with
  (void)::setenv("PATH", search_path().c_str(), 1);
  (void)::setenv("TEST_DIRECTORY", directory_.path().c_str(), 1);
  (void)::setenv(kGatesVariable, gates_.directory().c_str(), 1);
  for (const std::string& assignment : options.environment)
    (void)::putenv(const_cast<char*>(assignment.c_str()));
  std::vector<std::string> command = options.before;
  command.push_back(options.program.empty() ? built_program() : options.program);
  const std::vector<std::string> with_file{"-c", config_file_};
  const std::vector<std::string>& rest = options.arguments.empty() ? with_file : options.arguments;
  command.insert(command.end(), rest.begin(), rest.end());
  const std::vector<char*> argv = pointers(command);
  if (options.in_child) options.in_child();
  (void)::execvp(argv[0], argv.data());
  std::perror(argv[0]);
  ::_exit(126);
}

SupervisorUnderTest::~SupervisorUnderTest() {
  if (pid_ > 0 && check_leftovers_ && std::uncaught_exceptions() == exceptions_at_start_) check_running();
  clear_up();
  CHECK_MESSAGE(log().find("BUG in a test") == std::string::npos, log());
  if (std::uncaught_exceptions() > exceptions_at_start_) {
    (void)std::fprintf(stderr, "----- the supervisor's log -----\n%s--------------------------------\n",
                       log_.c_str());
  }
}

std::vector<std::string> SupervisorUnderTest::addresses() {
  std::vector<std::string> found;
  const std::string label = "listening on ";
  const std::string& text = log();
  for (std::size_t at = text.find(label); at != std::string::npos; at = text.find(label, at)) {
    at += label.size();
    const std::size_t end = text.find('\n', at);
    if (end != std::string::npos) found.push_back(text.substr(at, end - at));
  }
  return found;
}

std::string SupervisorUnderTest::address(std::size_t index) {
  const auto all = addresses();
  REQUIRE(index < all.size());
  return all[index];
}

std::string SupervisorUnderTest::built_program() { return SUPERVISOR_PROGRAM; }

void SupervisorUnderTest::signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }

void SupervisorUnderTest::rewrite_config(const std::string& text) const {
  std::string whole = text;
  const std::string mark = "TEST_DIRECTORY/";
  for (std::size_t at = 0; (at = whole.find(mark, at)) != std::string::npos;)
    whole.replace(at, mark.size(), directory_.path() + '/');
  (void)directory_.write(config_file_.substr(config_file_.rfind('/') + 1), whole);
}

void SupervisorUnderTest::read_log() {
  std::array<char, 65536> buffer;
  ssize_t size = 0;
  while ((size = ::read(log_end_.get(), buffer.data(), buffer.size())) > 0 || (size < 0 && errno == EINTR)) {
    if (size > 0) log_.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

std::string SupervisorUnderTest::log_tail() {
  constexpr std::size_t kEnough = 3000;
  return log().substr(log_.size() - std::min(log_.size(), kEnough));
}

const std::string& SupervisorUnderTest::log() {
  read_log();
  return log_;
}

std::size_t SupervisorUnderTest::count_in_log(const std::string& text) {
  std::size_t count = 0;
  const std::string& all = log();
  for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++count;
  return count;
}

std::string SupervisorUnderTest::wait_for_log(const std::string& text, std::size_t times) {
  INFO("in the log: ", text);
  std::size_t at = 0;
  std::size_t end = 0;
  eventually("the log says it", [&] {
    const std::string& all = log();
    at = all.find(text);
    for (std::size_t seen = 1; seen < times && at != std::string::npos; ++seen) at = all.find(text, at + 1);
    end = all.find('\n', at);
    return at != std::string::npos && end != std::string::npos;
  });
  const std::size_t begin = log_.rfind('\n', at) + 1;
  return log_.substr(begin, end - begin);
}

EventText SupervisorUnderTest::wait_for_event(const std::string& name, const EventCondition& condition) {
  INFO("event: ", name);
  const auto event = session_.wait_for(name, condition);
  REQUIRE_MESSAGE(event, "no such event; the log ends with:\n", log_tail());
  return *event;
}

std::vector<EventText> SupervisorUnderTest::events(const std::string& name, const EventCondition& condition) {
  if (pid_ > 0) (void)status();  // its answer comes after all events before it
  return session_.all(name, condition);
}

void SupervisorUnderTest::upgrade() {
  expect_upgrade();
  signal(SIGUSR2);
  await_upgrade();
}

void SupervisorUnderTest::expect_upgrade() {
  REQUIRE_MESSAGE(session_.connect(), "no control connection; the log ends with:\n", log_tail());
}

void SupervisorUnderTest::await_upgrade() {
  // docs/control.md: all connections end when the new program has taken over.
  const bool ended = session_.wait_for_end();
  REQUIRE_MESSAGE(ended, "no other program takes over; the log ends with:\n", log_tail());
  (void)status();
}

bool SupervisorUnderTest::ask_for_status(StatusText& status) {
  read_log();  // a supervisor need not wait for that
  const auto answer = session_.status();
  if (!answer) return false;
  status = read_status(*answer);
  return true;
}

StatusText SupervisorUnderTest::status() {
  StatusText status;
  const bool answered = ask_for_status(status);
  REQUIRE_MESSAGE(answered, "no status; the log ends with:\n", log_tail());
  return status;
}

PoolTable SupervisorUnderTest::pool() {
  StatusText all = status();
  REQUIRE(all.pools.size() == 1);
  return all.pools.front();
}

PoolTable SupervisorUnderTest::wait_for_idle(std::size_t workers) {
  return wait_for_pool("all workers are idle", [&](const PoolTable& pool) {
    return pool.workers.size() - pool.count("template") == workers && pool.count("idle") == workers;
  });
}

int SupervisorUnderTest::await_exit() {
  REQUIRE(pid_ > 0);
  int status = 0;
  eventually("the supervisor ends", [&] {
    read_log();  // it might wait until its log is read
    return ::waitpid(pid_, &status, WNOHANG) == pid_;
  });
  pid_ = -1;
  return to_status(status);
}

int SupervisorUnderTest::stop(int number) {
  signal(number);
  return await_exit();
}

}  // namespace prefork::test
