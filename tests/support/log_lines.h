// What tests wait for in the log because no event and no status tells it: docs/control.md lists both. Each
// wording stands here and in log_wording_test.cc only.
#pragma once

namespace prefork::test::log_line {

/// The program that an upgrade has examined may take over; it does when the removed listeners have served
/// the clients that were connecting to them.
inline constexpr const char* kProven = "takes over";
/// The first line of a program that has taken over.
inline constexpr const char* kTookOver = "has taken over from";
/// A connection that too many workers died of is closed; the line names the client.
inline constexpr const char* kGaveUp = "may be what kills them";
/// A listener is paused; the line ends with the reason.
inline constexpr const char* kPaused = "accepting is paused, clients wait in the backlog";

}  // namespace prefork::test::log_line
