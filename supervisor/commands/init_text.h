// The text of the configuration that the command init writes, with its comments.
#pragma once

#include <string>

#include "supervisor/commands/recognise.h"

namespace prefork {

struct ConfigurationText {
  Recognised program;
  std::string listen;
  std::string directory;  ///< where the program runs, as the file says it
  std::string protocol;
  std::string schema;  ///< path of the schema; empty: not installed
  std::string admin;   ///< where the dashboard is; empty: there is none

  [[nodiscard]] std::string text() const;
};

}  // namespace prefork
