// The file with the token that allows actions through the admin page.
#pragma once

#include <string>

#include "proto/result.h"

namespace prefork {

/// The token: one line of printable characters. The error continues a sentence about the file: "is readable
/// by every user; …". May wait for the disk.
[[nodiscard]] Result<std::string> read_admin_token(const std::string& path);

}  // namespace prefork
