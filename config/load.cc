#include "config/load.h"

#include <nlohmann/json.hpp>

#include "config/build.h"
#include "config/document.h"
#include "config/file.h"
#include "config/file_order.h"
#include "config/problems.h"
#include "config/schema_check.h"

namespace prefork {
namespace {

std::variant<Config, ConfigProblems> parse(std::string_view text, const std::string& file,
                                           const CommandSearch& search, bool ask_schema) {
  Problems problems(file);
  const auto document = parse_document(text, problems);
  if (!document) return problems.take();
  if (ask_schema) check_against_schema(*document, problems);
  Config config = build_config(*document, search, problems);
  if (!problems.empty()) return in_file_order(problems.take(), *document);
  config.text = text;
  return config;
}

}  // namespace

std::variant<Config, ConfigProblems> load_config(const std::string& file, const CommandSearch& search) {
  const auto text = read_config_file(file);
  if (!text) return ConfigProblems{{file, "", text.error().message()}};
  return parse_config(text.value(), file, search);
}

std::variant<Config, ConfigProblems> parse_config(std::string_view text, const std::string& file,
                                                  const CommandSearch& search) {
  return parse(text, file, search, /*ask_schema=*/true);
}

std::variant<Config, ConfigProblems> parse_accepted_config(std::string_view text, const std::string& file,
                                                           const CommandSearch& search) {
  return parse(text, file, search, /*ask_schema=*/false);
}

}  // namespace prefork
