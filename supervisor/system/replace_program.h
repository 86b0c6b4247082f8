// execve() of another program in this process, which keeps some of its descriptors.
#pragma once

#include <string>
#include <vector>

#include "proto/result.h"

namespace prefork {

/// Returns only on failure. The new program has descriptors 0 to 2 and `descriptors`; all others are closed.
/// On failure `descriptors` are close-on-exec as before.
[[nodiscard]] Error replace_program(const std::string& program, std::vector<std::string> argv,
                                    const std::vector<int>& descriptors);

/// Makes all descriptors above 2 close-on-exec: the first call of a program that was started by
/// replace_program().
void keep_descriptors_from_children();

}  // namespace prefork
