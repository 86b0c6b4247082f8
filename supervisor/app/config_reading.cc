#include "supervisor/app/config_reading.h"

#include <fmt/core.h>
#include <unistd.h>

#include <utility>

#include "supervisor/loop/escape.h"
#include "supervisor/state/state_file.h"

namespace prefork {
namespace {

/// The question that a child has asked last, as it was written; empty: none.
std::string last_question(const std::string& output) {
  const std::size_t found = output.rfind(kQuestion);
  if (found == std::string::npos) return "";
  const std::size_t begin = found + kQuestion.size();
  return output.substr(begin, output.find('\n', begin) - begin);
}

}  // namespace

ConfigReading::ConfigReading(const Loop& loop, Log& log, Owner& owner, std::string program, Patience patience)
    : log_(log),
      owner_(owner),
      program_(std::move(program)),
      patience_(patience),
      child_(loop, static_cast<ChildProgram::Owner&>(*this)) {}

void ConfigReading::start(ConfigRequest request) {
  request_ = std::move(request);
  request_.supervisor = ::getpid();
  request_.ask_known = true;
  const auto started = start_child();
  if (started) return;
  log_.warn("the supervisor itself reads the configuration, and all waits while a name is not answered: {}",
            started.error().message());
  owner_.config_read(read_config(request_, {}, AskForUser::kByModes));
}

Result<void> ConfigReading::start_child() {
  const auto asked = seal_request(request_);
  if (!asked) return asked.error();
  auto answer = create_state_file();
  if (!answer) return answer.error();
  answer_ = std::move(answer).value();
  const Duration patience = request_.ask_known ? patience_.first : patience_.second;
  return child_.start({program_, {"--read-config"}, {&asked.value(), &answer_}, patience});
}

void ConfigReading::child_ended(const ChildProgram::Outcome& outcome) {
  const Fd file = std::move(answer_);
  if (outcome.late && request_.ask_known) {
    log_.warn("{}; users, groups and hosts that are in force are not asked for again",
              silence(outcome, patience_.first));
    request_.ask_known = false;
    if (auto started = start_child(); !started) owner_.config_read(started.error());
  } else if (outcome.late) {
    owner_.config_read(Error{silence(outcome, patience_.first + patience_.second)});
  } else if (!outcome.succeeded()) {
    const std::string said = outcome.last_line();
    const bool asks = said.starts_with(kQuestion);
    owner_.config_read(
        Error{fmt::format("{}: the program that reads it {}{}{}", request_.file, outcome.end_in_words(),
                          said.empty() ? "" : ": ", escape_to_ascii(asks ? last_question(said) : said))});
  } else if (auto answer = read_answer(file)) {
    owner_.config_read(answer);
  } else {
    owner_.config_read(Error{fmt::format("{}: the program that reads it has not answered properly: {}",
                                         request_.file, answer.error().message())});
  }
}

std::string ConfigReading::silence(const ChildProgram::Outcome& outcome, Duration patience) const {
  const std::string question = last_question(outcome.output);
  return fmt::format("{}: no answer within {} s",
                     question.empty() ? request_.file : escape_to_ascii(question),
                     std::chrono::duration_cast<std::chrono::seconds>(patience).count());
}

}  // namespace prefork
