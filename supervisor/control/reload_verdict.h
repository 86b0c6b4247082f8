// What a reload has come to: an event, and the answer of the method reload.
#pragma once

#include <string>
#include <vector>

namespace prefork {

struct ReloadVerdict {
  bool applied = false;
  std::vector<std::string> changes;        ///< applied: a line for each pool
  std::vector<std::string> mistakes;       ///< not applied: a line for each mistake
  std::vector<std::string> warnings = {};  ///< applied: a line for each
};

}  // namespace prefork
