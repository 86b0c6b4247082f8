// Whether a text has a part; says both when it has not.
#pragma once

#include <doctest/doctest.h>

#include <string>

namespace prefork::test {

[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("\"" << part << "\" is not in: " << text);
  return found;
}

}  // namespace prefork::test
