#include "tests/support/script.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace prefork::test {

unsigned long Step::number(const std::string& option, unsigned long otherwise) const {
  const auto found = options.find(option);
  return found == options.end() ? otherwise : std::strtoul(found->second.c_str(), nullptr, 0);
}

std::size_t Step::count() const { return std::strtoul(text.c_str(), nullptr, 0); }

Step parse_step(std::string_view argument) {
  const std::size_t colon = std::min(argument.find(':'), argument.size());
  Step step;
  step.name = argument.substr(0, colon);
  step.text = argument.substr(std::min(colon + 1, argument.size()));
  std::string_view rest = step.text;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos)
      step.options[std::string(part.substr(0, equals))] = part.substr(equals + 1);
  }
  return step;
}

std::vector<Step> parse_script(int argc, char** argv) {
  std::vector<Step> script;
  for (int i = 1; i < argc; ++i) script.push_back(parse_step(argv[i]));
  return script;
}

}  // namespace prefork::test
