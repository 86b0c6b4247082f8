#include "supervisor/commands/find_supervisor.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/control_path.h"
#include "config/control_place.h"
#include "config/schema_words.h"
#include "proto/joined.h"
#include "supervisor/commands/control_client.h"
#include "supervisor/commands/running_supervisor.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{1};
/// Then the other sockets are not tried, and count as supervisors: root looks into directories of other
/// users, which may have many sockets that do not answer.
constexpr std::chrono::seconds kPatienceForAll{3};
constexpr const char* kChoose = "choose one with -c FILE or --control PATH";

bool may_listen(const std::string& path) {
  const auto client = ControlClient::connect(path, kPatience);
  if (client) return true;
  const int error = client.error().code.value();
  return error == 0;  // no answer for too long
}

int print_none(const std::vector<std::string>& directories) {
  const std::string places =
      directories.empty() ? runtime_directory() + ", which another user has made" : joined(directories);
  print_error("no supervisor found: none listens at a socket in " + places +
              "; start one with supervisor -c FILE, or name one with -c FILE or --control PATH");
  return kNotRunning;
}

int print_several(const std::vector<std::string>& paths) {
  print_error(std::to_string(paths.size()) + " supervisors run; " + kChoose);
  const Clock::time_point end = Clock::now() + kPatienceForAll;
  for (const std::string& path : paths)
    print_error(Clock::now() < end ? describe_supervisor(path) : "control socket " + json_escaped(path));
  return kUsageOrConfig;
}

}  // namespace

std::string describe_supervisor(const std::string& path) {
  std::string text;
  if (auto client = ControlClient::connect(path, kPatience)) {
    const pid_t pid = client.value().peer();
    try {
      const auto status = client.value().call("status", Json::object());
      // Root looks at supervisors of other users, too: what they say must not reach the terminal as it is.
      text = status ? json_escaped(status.value().value("name", "")) + ", pid " + std::to_string(pid) + ", " +
                          json_escaped(status.value().value("config_file", ""))
                    : "pid " + std::to_string(pid) + ", which does not answer";
    } catch (const Json::exception&) {
      text = "pid " + std::to_string(pid) + ", which is not a supervisor";
    }
  }
  return (text.empty() ? "a supervisor that does not answer" : text) + ", control socket " +
         json_escaped(path);
}

std::vector<std::string> running_supervisors(const std::vector<std::string>& directories) {
  std::vector<std::string> running;
  const Clock::time_point end = Clock::now() + kPatienceForAll;
  for (std::string& path : control_sockets_in(directories)) {
    if (Clock::now() >= end || may_listen(path)) running.push_back(std::move(path));
  }
  return running;
}

std::optional<std::string> running_with(const std::string& file,
                                        const std::vector<std::string>& directories) {
  std::vector<std::string> running = running_supervisors(directories);
  const Clock::time_point end = Clock::now() + kPatienceForAll;
  for (std::string& path : running) {
    if (Clock::now() >= end) break;
    if (running_supervisor(path, file, kPatience)) return std::move(path);
  }
  return std::nullopt;
}

std::variant<std::string, int> find_supervisor(const CommandLine& line) {
  if (!line.control.empty()) return line.control;
  if (!line.config_file.empty()) {
    auto named = control_path_of(line.config_file);
    if (named) return std::move(named).value();
    if (auto running = running_with(line.config_file, runtime_directories())) {
      print_warning(named.error().message());
      return std::move(*running);
    }
    print_error(named.error().message());
    return kUsageOrConfig;
  }
  const std::vector<std::string> directories = runtime_directories();
  std::vector<std::string> running = running_supervisors(directories);
  if (running.empty()) return print_none(directories);
  if (running.size() > 1) return print_several(running);
  return std::move(running.front());
}

std::string when_none_listens(const CommandLine& line) {
  if (!line.control.empty()) return "; start it, or correct the path";
  if (line.config_file.empty()) return "; it has just stopped";
  return "; it is the control socket of " + line.config_file +
         ": start it with supervisor -c; if it runs, it does so as another user, its socket was removed, or "
         "\"control\" was changed: say --control with the path of before, or kill -HUP the supervisor's pid";
}

}  // namespace prefork
