#include "config/load.h"

#include <nlohmann/json.hpp>

#include "config/build.h"
#include "config/document.h"
#include "config/file.h"
#include "config/file_order.h"
#include "config/problems.h"
#include "config/schema_check.h"

namespace prefork {

std::variant<Config, ConfigProblems> load_config(const std::string& file, const CommandSearch& search) {
  const auto text = read_config_file(file);
  if (!text) return ConfigProblems{{file, "", text.error().message()}};
  return parse_config(text.value(), file, search);
}

std::variant<Config, ConfigProblems> parse_config(std::string_view text, const std::string& file,
                                                  const CommandSearch& search) {
  Problems problems(file);
  const auto document = parse_document(text, problems);
  if (!document) return problems.take();
  check_against_schema(*document, problems);
  Config config = build_config(*document, search, problems);
  if (!problems.empty()) return in_file_order(problems.take(), *document);
  config.text = text;
  return config;
}

}  // namespace prefork
