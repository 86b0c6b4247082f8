#include "supervisor/upgrade/upgrade_check.h"

#include <fmt/core.h>

#include "supervisor/loop/escape.h"

namespace prefork {

UpgradeCheck::UpgradeCheck(const Loop& loop, Owner& owner)
    : owner_(owner), child_(loop, static_cast<ChildProgram::Owner&>(*this)) {}

Result<void> UpgradeCheck::start(const std::string& program, const Fd& state) {
  return child_.start({program, {"--adopt-check", "3"}, {&state}, kPatience});
}

void UpgradeCheck::child_ended(const ChildProgram::Outcome& outcome) {
  const std::string said = outcome.last_line();
  if (outcome.late) {
    owner_.upgrade_refused(fmt::format("the new program has not answered within {} s",
                                       std::chrono::duration_cast<std::chrono::seconds>(kPatience).count()));
  } else if (outcome.succeeded() && said.starts_with(kYes)) {
    owner_.upgrade_proven(escape_to_ascii(said.substr(kYes.size())));
  } else {
    owner_.upgrade_refused("the new program " + outcome.end_in_words() +
                           (said.empty() ? " and said nothing" : ": " + escape_to_ascii(said)));
  }
}

}  // namespace prefork
