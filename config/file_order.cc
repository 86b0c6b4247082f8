#include "config/file_order.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "config/problems.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

/// The place in the file of each problem's pointer. The recursion is bounded: documents are shallow
/// (kMaxDepth).
class Places {
 public:
  explicit Places(const ConfigProblems& problems) {
    for (const auto& problem : problems) places_[problem.pointer] = 0;
  }

  void visit(const Document& value, const std::string& pointer) {
    const auto found = places_.find(pointer);
    ++visited_;
    if (found != places_.end()) found->second = visited_;
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) visit(value[i], child_pointer(pointer, i));
    } else if (value.is_object()) {
      for (const auto& [key, child] : value.items()) visit(child, child_pointer(pointer, json_escaped(key)));
    }
  }

  [[nodiscard]] std::size_t of(const std::string& pointer) const { return places_.at(pointer); }

 private:
  std::map<std::string, std::size_t> places_;
  std::size_t visited_ = 0;
};

}  // namespace

ConfigProblems in_file_order(ConfigProblems problems, const Document& document) {
  const bool cut = problems.size() > Problems::kMax;  // then the last problem says so and stays the last
  Places places(problems);
  places.visit(document, "");
  std::stable_sort(problems.begin(), problems.end() - (cut ? 1 : 0),
                   [&](const auto& a, const auto& b) { return places.of(a.pointer) < places.of(b.pointer); });
  return problems;
}

}  // namespace prefork
