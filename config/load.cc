#include "config/load.h"

#include <exception>
#include <nlohmann/json.hpp>

#include "config/build.h"
#include "config/document.h"
#include "config/file.h"
#include "config/file_order.h"
#include "config/problems.h"
#include "config/relative_path.h"
#include "config/schema_check.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

/// A reload runs in a callback of the event loop, where an exception ends the program. No text is known that
/// makes the libraries throw, but they may, and memory may run out: then the file is refused like any other.
template <typename Load>
ConfigInForce without_exceptions(const std::string& file, const Load& load) {
  try {
    return load();
  } catch (const std::exception& error) {
    return {{}, ConfigProblems{{file, "", std::string(kNotLoaded) + json_escaped(error.what())}}};
  }
}

ConfigInForce parse(std::string_view text, const std::string& file, const Machine* machine, bool ask_schema) {
  Problems problems(file);
  const auto document = parse_document(text, problems);
  if (!document) return {{}, problems.take()};
  if (ask_schema) check_against_schema(*document, problems);
  ConfigInForce parsed{build_config(*document, {directory_of(file), machine}, problems), {}};
  if (!problems.empty()) parsed.mistakes = in_file_order(problems.take(), *document);
  parsed.config.text = text;
  return parsed;
}

std::variant<Config, ConfigProblems> accepted(ConfigInForce parsed) {
  if (!parsed.mistakes.empty()) return std::move(parsed.mistakes);
  return std::move(parsed.config);
}

}  // namespace

std::variant<Config, ConfigProblems> load_config(const std::string& file, const Machine& machine) {
  return accepted(without_exceptions(file, [&]() -> ConfigInForce {
    machine.about_to_ask("", "the file itself");
    const auto text = read_config_file(file);
    if (!text) return {{}, {{file, "", text.error().message()}}};
    return parse(text.value(), file, &machine, /*ask_schema=*/true);
  }));
}

std::variant<Config, ConfigProblems> load_config(const std::string& file, const CommandSearch& search) {
  return load_config(file, Machine(search));
}

std::variant<Config, ConfigProblems> parse_config(std::string_view text, const std::string& file,
                                                  const Machine& machine) {
  return accepted(without_exceptions(file, [&] { return parse(text, file, &machine, /*ask_schema=*/true); }));
}

std::variant<Config, ConfigProblems> parse_config(std::string_view text, const std::string& file,
                                                  const CommandSearch& search) {
  return parse_config(text, file, Machine(search));
}

ConfigInForce read_in_force(const TextInForce& in_force, const std::string& file,
                            const CommandSearch& search) {
  return without_exceptions(file, [&] {
    const bool ask_machine = in_force.answers == nullptr;
    const Machine machine(search);
    ConfigInForce read =
        parse(in_force.text, file, ask_machine ? &machine : nullptr, /*ask_schema=*/!in_force.examined);
    if (!ask_machine) put_answers(*in_force.answers, read.config);
    return read;
  });
}

}  // namespace prefork
