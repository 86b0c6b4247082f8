// Paths in a file are relative to the directory of that file, wherever the supervisor or a command was
// started. Symbolic links are not followed: the directory is the one in the name that was given. Only a ".."
// after a link leads where it does for the kernel.
#pragma once

#include <string>

namespace prefork {

/// The absolute path of `file`, without "." and "..", unless their directory is missing. It stays relative
/// when there is no current directory.
[[nodiscard]] std::string absolute_path(const std::string& file);
/// The directory of `file`, as an absolute path.
[[nodiscard]] std::string directory_of(const std::string& file);
/// An absolute `path` as it is; a relative one in `directory`.
[[nodiscard]] std::string in_directory(const std::string& path, const std::string& directory);
/// What to add to the message about a path that is missing: of one that begins with "~/" in the file, that
/// only shells know it. "": of any other.
[[nodiscard]] std::string home_hint(const std::string& path);

}  // namespace prefork
