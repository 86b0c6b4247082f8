// What a reload asks of the program that reads the file, and its answer: plain values, in sealed files. The
// program is this one, run as a child (ConfigReading starts it): it may wait for a name server, a user
// database or a disk, and the supervisor may not.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/answers.h"
#include "config/machine.h"
#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/app/pool_reach.h"

namespace prefork {

struct ConfigRequest {
  pid_t supervisor = 0;  ///< whose child answers; 0: an earlier version has not noted it
  std::string file;
  /// There is no file: the text in force is looked at again, on the machine as it is now.
  bool given = false;
  CommandSearch search;
  bool as_root = false;       ///< for warnings: workers can run as any user
  bool higher_limits = true;  ///< workers can have limits above the hard ones of this process
  bool ask_known = true;      ///< as in Machine
  std::string text_in_force;
  MachineAnswers answers_in_force;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("supervisor", self.supervisor), visit("file", self.file), visit("given", self.given);
    visit("search", self.search);
    visit("as_root", self.as_root), visit("higher_limits", self.higher_limits);
    visit("ask_known", self.ask_known);
    visit("text_in_force", self.text_in_force), visit("answers_in_force", self.answers_in_force);
  }
};

/// With `mistakes` the configuration is refused. All lines are for a person.
struct ConfigAnswer {
  std::vector<std::string> mistakes;
  std::vector<std::string> warnings;
  std::string text;
  MachineAnswers answers;

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("mistakes", self.mistakes), visit("warnings", self.warnings);
    visit("text", self.text), visit("answers", self.answers);
  }
};

/// Reads and checks the file, and asks the machine what the file needs. May wait. `how`: kInChild in a
/// process that does nothing else.
[[nodiscard]] ConfigAnswer read_config(const ConfigRequest& request, const Machine::Speak& speak,
                                       AskForUser how);

[[nodiscard]] Result<Fd> seal_request(const ConfigRequest& request);
/// The end of the child is not the end of its answer: it may be cut off, damaged or too long.
[[nodiscard]] Result<ConfigAnswer> read_answer(const Fd& file);

/// The child's part: answers the request in descriptor 3 in the file of descriptor 4, and prints each
/// question before it asks it, in a line that begins with kQuestion. Returns the exit status.
[[nodiscard]] int answer_config_request();
inline constexpr std::string_view kQuestion = "asks: ";

}  // namespace prefork
