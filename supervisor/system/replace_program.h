// execve() of another program in this process, with some of its descriptors.
#pragma once

#include <string>
#include <vector>

#include "proto/result.h"

namespace prefork {

/// Returns only when it failed. The new program gets descriptors 0 to 2 and `descriptors`, all others are
/// closed; when it fails, these are close-on-exec as before.
[[nodiscard]] Error replace_program(const std::string& program, std::vector<std::string> argv,
                                    const std::vector<int>& descriptors);

/// All descriptors above 2 are close-on-exec from here on: the first thing that a program does which was
/// started so.
void keep_descriptors_from_children();

}  // namespace prefork
