#include "supervisor/commands/python_packages.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <sstream>

#include "config/program.h"
#include "config/relative_path.h"
#include "config/schema_words.h"
#include "proto/fd.h"
#include "proto/joined.h"

namespace prefork {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{5};
constexpr const char* kAsk =
    "import importlib.util, sys\n"
    "print('asked', *(one for one in sys.argv[1:] if importlib.util.find_spec(one) is None))\n";

/// In "/": the directory of the application would be searched first.
[[noreturn]] void ask(const std::string& python, const std::vector<std::string>& packages, const Fd& answer) {
  (void)::setpgid(0, 0);
  const Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  (void)::dup2(nothing.get(), STDIN_FILENO);
  (void)::dup2(answer.get(), STDOUT_FILENO);
  (void)::dup2(nothing.get(), STDERR_FILENO);
  std::vector<const char*> words{python.c_str(), "-c", kAsk};
  for (const std::string& package : packages) words.push_back(package.c_str());
  words.push_back(nullptr);
  if (::chdir("/") == 0) ::execv(python.c_str(), const_cast<char* const*>(words.data()));
  ::_exit(127);
}

/// What is written until the pipe is closed; nothing when that takes too long.
std::optional<std::string> read_answer(const Fd& pipe) {
  std::string text;
  std::array<char, 4096> buffer;
  const Clock::time_point end = Clock::now() + kPatience;
  while (text.size() < buffer.size()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    pollfd readable{.fd = pipe.get(), .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) == 0) return std::nullopt;
    const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

/// The programs of this name in PATH, in its order.
std::vector<std::string> all_named(const std::string& name, const CommandSearch& search) {
  std::vector<std::string> found;
  std::istringstream places(search.path);
  for (std::string place; std::getline(places, place, ':');) {
    if (!place.starts_with('/')) continue;
    auto program = find_program(in_directory(name, place), "/", search);
    if (program && std::find(found.begin(), found.end(), program.value()) == found.end())
      found.push_back(std::move(program).value());
  }
  return found;
}

}  // namespace

std::optional<std::vector<std::string>> missing_packages(const std::string& python,
                                                         const std::vector<std::string>& packages) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return std::nullopt;
  const Fd from(ends[0]);
  Fd into(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) ask(python, packages, into);
  into.reset();
  const auto answer = read_answer(from);
  if (!answer) {
    (void)::kill(-child, SIGKILL);
    (void)::kill(child, SIGKILL);  // before it had a group of its own
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::istringstream words(answer.value_or(""));
  std::string word;
  if (!(words >> word) || word != "asked") return std::nullopt;
  std::vector<std::string> missing;
  while (words >> word) missing.push_back(word);
  return missing;
}

PythonChoice choose_python(const std::vector<std::string>& packages, const CommandSearch& search) {
  const std::vector<std::string> all = all_named("python3", search);
  if (all.empty())
    return {"python3", "there is no python3 in PATH: install it, and the package prefork_worker"};
  const auto missing = missing_packages(all.front(), packages);
  if (!missing || missing->empty()) return {};
  const std::string lacks =
      json_escaped(all.front()) + ", the first python3 in PATH, lacks " + joined(*missing);
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto here = missing_packages(all[i], packages);
    if (here && here->empty())
      return {all[i], lacks + "; the file names " + json_escaped(all[i]) + ", which has all"};
  }
  return {
      "python3",
      lacks + ": install that for it (docs/workers-python.md), or name another interpreter in \"command\""};
}

}  // namespace prefork
