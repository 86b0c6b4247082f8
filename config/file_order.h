// Sorts problems into the order of the file.
#pragma once

#include "config/document.h"
#include "config/load.h"

namespace prefork {

/// A problem with an object comes before the problems inside of it; problems with the same value keep their
/// order.
[[nodiscard]] ConfigProblems in_file_order(ConfigProblems problems, const Document& document);

}  // namespace prefork
