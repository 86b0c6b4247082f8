// The names of what is agreed between the supervisor and the library that it preloads into programs with the
// protocol accept (worker/accept): the library's file, and the variables of its environment.
#pragma once

#include <cstddef>
#include <string_view>

namespace prefork {

inline constexpr std::string_view kAcceptLibrary = "libprefork-accept.so";
inline constexpr std::string_view kAcceptLibraryForMusl = "libprefork-accept-musl.so";

/// Of the directory beside that of the libraries: what protocol node loads into Node programs.
inline constexpr std::string_view kNodeModule = "prefork-worker/preload.cjs";

inline constexpr std::string_view kPreloadVariable = "LD_PRELOAD";
inline constexpr std::string_view kNodeOptionsVariable = "NODE_OPTIONS";
/// Where the pool listens: `INDEX=ADDRESS`, separated by commas. INDEX as in Connection.
inline constexpr std::string_view kListenVariable = "SUPERVISOR_LISTEN";
inline constexpr std::size_t kMostAcceptAddresses = 64;
/// `idle` or `now`: when the program gets the signal, whose number is the second variable's value.
inline constexpr std::string_view kDrainVariable = "SUPERVISOR_DRAIN";
inline constexpr std::string_view kDrainSignalVariable = "SUPERVISOR_DRAIN_SIGNAL";
/// `1`: the program finds its listeners from descriptor 3, as systemd passes them.
inline constexpr std::string_view kListenFdsVariable = "SUPERVISOR_LISTEN_FDS";

}  // namespace prefork
