// Puts problems into the order in which a reader of the file meets them.
#pragma once

#include "config/document.h"
#include "config/load.h"

namespace prefork {

/// What is wrong with an object comes before what is wrong inside it; problems with the same value keep their
/// order.
[[nodiscard]] ConfigProblems in_file_order(ConfigProblems problems, const Document& document);

}  // namespace prefork
