// The texts of the file for the values of each enum: one table per enum. tests/config/choice_names_test.cc
// proves that the schema offers these texts and that each is read as a value of its own.
#pragma once

#include <array>
#include <string_view>

#include "config/config.h"
#include "supervisor/core/choices.h"

namespace prefork {

template <typename Enum>
struct ChoiceName {
  std::string_view text;
  Enum value;
};

/// The table of an enum: specialized below.
template <typename Enum>
inline constexpr std::array<ChoiceName<Enum>, 0> kChoiceNames{};

template <>
inline constexpr auto kChoiceNames<StartForm> = std::to_array<ChoiceName<StartForm>>({
    {"exec", StartForm::kExec},
    {"fork", StartForm::kFork},
});
template <>
inline constexpr auto kChoiceNames<Protocol> = std::to_array<ChoiceName<Protocol>>({
    {"native", Protocol::kNative},
    {"accept", Protocol::kAccept},
    {"accept-notify", Protocol::kAcceptNotify},
    {"node", Protocol::kNode},
    {"classic", Protocol::kClassic},
});
template <>
inline constexpr auto kChoiceNames<DrainStart> = std::to_array<ChoiceName<DrainStart>>({
    {"idle", DrainStart::kIdle},
    {"now", DrainStart::kNow},
});
template <>
inline constexpr auto kChoiceNames<DrainSignal> = std::to_array<ChoiceName<DrainSignal>>({
    {"TERM", DrainSignal::kTerminate},
    {"QUIT", DrainSignal::kQuit},
    {"INT", DrainSignal::kInterrupt},
    {"USR1", DrainSignal::kUser1},
    {"USR2", DrainSignal::kUser2},
    {"HUP", DrainSignal::kHangUp},
    {"WINCH", DrainSignal::kWindow},
});
template <>
inline constexpr auto kChoiceNames<Prefer> = std::to_array<ChoiceName<Prefer>>({
    {"longest-idle", Prefer::kLongestIdle},
    {"warmest", Prefer::kWarmest},
});
template <>
inline constexpr auto kChoiceNames<Hold> = std::to_array<ChoiceName<Hold>>({
    {"receipt", Hold::kReceipt},
    {"done", Hold::kDone},
});
template <>
inline constexpr auto kChoiceNames<QueueOrder> = std::to_array<ChoiceName<QueueOrder>>({
    {"fifo", QueueOrder::kFifo},
    {"adaptive", QueueOrder::kAdaptive},
});
template <>
inline constexpr auto kChoiceNames<QueueFairness> = std::to_array<ChoiceName<QueueFairness>>({
    {"none", QueueFairness::kNone},
    {"address", QueueFairness::kAddress},
});
template <>
inline constexpr auto kChoiceNames<HalfClosed> = std::to_array<ChoiceName<HalfClosed>>({
    {"close", HalfClosed::kClose},
    {"serve", HalfClosed::kServe},
});
template <>
inline constexpr auto kChoiceNames<QueueFull> = std::to_array<ChoiceName<QueueFull>>({
    {"wait", QueueFull::kWait},
    {"reject", QueueFull::kReject},
});
template <>
inline constexpr auto kChoiceNames<KillSignal> = std::to_array<ChoiceName<KillSignal>>({
    {"TERM", KillSignal::kTerminate},
    {"ABRT", KillSignal::kAbort},
});
template <>
inline constexpr auto kChoiceNames<Scheduling> = std::to_array<ChoiceName<Scheduling>>({
    {"normal", Scheduling::kNormal},
    {"batch", Scheduling::kBatch},
});
template <>
inline constexpr auto kChoiceNames<Output> = std::to_array<ChoiceName<Output>>({
    {"prefix", Output::kPrefix},
    {"inherit", Output::kInherit},
});
template <>
inline constexpr auto kChoiceNames<LogLevel> = std::to_array<ChoiceName<LogLevel>>({
    {"debug", LogLevel::kDebug},
    {"info", LogLevel::kInfo},
    {"warning", LogLevel::kWarning},
    {"error", LogLevel::kError},
});
template <>
inline constexpr auto kChoiceNames<LogFormat> = std::to_array<ChoiceName<LogFormat>>({
    {"text", LogFormat::kText},
    {"json", LogFormat::kJson},
});

}  // namespace prefork
