#include "supervisor/app/config_answer.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <utility>
#include <variant>

#include "config/limit_check.h"
#include "config/load.h"
#include "config/privileges.h"
#include "config/reach.h"
#include "config/warnings.h"
#include "supervisor/app/admin_warnings.h"
#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"
#include "supervisor/state/state_file.h"
#include "supervisor/system/give_up_root.h"

namespace prefork {
namespace {

constexpr int kRequest = 3;
constexpr int kAnswer = 4;
/// PR_SET_PDEATHSIG sends nothing for a parent that has died before it was set.
bool is_gone(pid_t supervisor) {
  const pid_t parent = ::getppid();  // 0: it is outside this pid namespace
  return supervisor != 0 && parent != 0 && parent != supervisor;
}

/// A configuration is at most 1 MiB; the lines about it are less.
constexpr off_t kMaxAnswer = off_t{16} << 20;

template <typename T>
Result<T> read_sealed(const Fd& file) {
  const auto bytes = read_state(file);
  if (!bytes) return bytes.error();
  T value;
  if (const std::string wrong = from_cbor(bytes.value().bytes(), value); !wrong.empty()) return Error{wrong};
  return value;
}

void add_warnings(const Config& config, const ConfigRequest& request, std::vector<std::string>& warnings) {
  for (auto lines :
       {privilege_warnings(config, request.file, request.as_root), setting_warnings(config, request.file),
        log_file_faults(config, request.file), admin_warnings(config, request.file)})
    std::move(lines.begin(), lines.end(), std::back_inserter(warnings));
}

}  // namespace

ConfigAnswer read_config(const ConfigRequest& request, const Machine::Speak& speak, AskForUser how) {
  const TextInForce in_force{request.text_in_force, &request.answers_in_force, /*examined=*/true};
  const ConfigInForce known = read_in_force(in_force, request.file, request.search);
  Machine machine(request.search);
  machine.has_in_force(known.config, request.ask_known);
  machine.speak_before_asking(speak);
  auto loaded = request.given ? parse_config(request.text_in_force, request.file, machine)
                              : load_config(request.file, machine);
  ConfigAnswer answer;
  if (const auto* problems = std::get_if<ConfigProblems>(&loaded)) {
    for (const ConfigProblem& problem : *problems) answer.mistakes.push_back(problem.message());
    return answer;
  }
  Config& config = std::get<Config>(loaded);
  machine.about_to_ask("", "programs, directories and the log file, for the users that need them");
  PoolReach reach = pool_reach(config, request.file, request.search.libraries, how);
  answer.mistakes = std::move(reach.mistakes);
  for (std::string& fault : limit_faults(config, request.file, {request.as_root, request.higher_limits}))
    answer.mistakes.push_back(std::move(fault));
  if (!answer.mistakes.empty()) return answer;
  answer.warnings = std::move(reach.warnings);
  add_warnings(config, request, answer.warnings);
  answer.answers = answers_in(config);
  answer.text = std::move(config.text);
  return answer;
}

Result<Fd> seal_request(const ConfigRequest& request) { return seal_state(to_snapshot(request).cbor); }

Result<ConfigAnswer> read_answer(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) < 0) return system_error("the answer");
  if (status.st_size > kMaxAnswer) return Error{"the answer is too long"};
  return read_sealed<ConfigAnswer>(file);
}

int answer_config_request() {
  hide_from_own_user();
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a supervisor that is gone needs no answer
  const Fd request_file(kRequest);
  const Fd answer_file(kAnswer);
  const auto request = read_sealed<ConfigRequest>(request_file);
  if (!request) return (void)std::printf("%s\n", request.error().message().c_str()), 1;
  if (is_gone(request.value().supervisor)) return 1;
  const auto speak = [&](const std::string& pointer, const std::string& question) {
    const ConfigProblem asked{request.value().file, pointer, question};
    (void)std::printf("%s%s\n", std::string(kQuestion).c_str(), asked.message().c_str());
    (void)std::fflush(stdout);
  };
  const ConfigAnswer answer = read_config(request.value(), speak, AskForUser::kInChild);
  if (auto sealed = seal_state_in(answer_file, to_snapshot(answer).cbor); !sealed)
    return (void)std::printf("%s\n", sealed.error().message().c_str()), 1;
  return 0;
}

}  // namespace prefork
