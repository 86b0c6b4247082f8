#include "supervisor/control/describe.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "proto/counted.h"
#include "proto/joined.h"
#include "proto/record.h"
#include "proto/utf8.h"
#include "supervisor/control/json_text.h"

namespace prefork {
namespace {

std::string connections(std::uint64_t count) { return counted(count, "connection"); }

/// "2 had been begun (lost)", with the names that the counters have in the status.
std::vector<std::string> ways(const Unserved& cut) {
  std::vector<std::string> parts;
  const auto add = [&parts](std::uint64_t count, const std::string& way) {
    if (count > 0) parts.push_back(fmt::format("{} {}", count, way));
  };
  add(cut.lost, "had been begun (lost)");
  add(cut.discarded, std::string(was(cut.discarded)) + " queued (discarded)");
  add(cut.expired, "waited too long (expired)");
  add(cut.rejected, "found the queue full (rejected)");
  add(cut.gave_up, "came back too often (gave_up)");
  return parts;
}

/// How the worker failed its trial.
std::string describe_trial(const DeathRecord& record) {
  const std::uint64_t given =
      record.served + record.refused + record.held_begun + record.held_unbegun + record.held_closed;
  return fmt::format("{}: given {}, it served {} and refused {}", to_string(record.reason),
                     connections(given), record.served, record.refused);
}

/// The likely cause of a signal that the supervisor has not sent.
std::string_view cause_of_signal(int signal) {
  switch (signal) {
    case SIGXCPU: return " (the limit cpu)";
    case SIGXFSZ: return " (the limit fsize)";
    case SIGSYS: return " (a system call that it may not make)";
    case SIGABRT: return " (it called abort())";
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP: return " (a fault of its own)";
    default: return " (not by the supervisor)";
  }
}

}  // namespace

std::string describe(const Exit& exit) {
  switch (exit.kind) {
    case Exit::Kind::kExited: return fmt::format("exited with status {}", exit.value);
    case Exit::Kind::kSignaled: {
      const char* name = ::sigabbrev_np(exit.value);
      return fmt::format("killed by signal {}{}", exit.value,
                         name == nullptr ? "" : fmt::format(" (SIG{})", name));
    }
    case Exit::Kind::kNotStarted: return "could not be started";
    case Exit::Kind::kVanished: return "left without an exit status";
    case Exit::Kind::kOutOfMemory: return "killed by the kernel (SIGKILL): out of memory";
  }
  return "?";
}

std::string describe(const DeathRecord& record, const ListenWords& words) {
  const bool ran = record.start_error.empty();
  std::string text = ran ? describe(record.exit) : record.start_error;
  if (record.reason == StopReason::kFailedTrial) {
    text += fmt::format(" ({})", describe_trial(record));
  } else if (record.reason == StopReason::kViolation && record.violation) {
    text += fmt::format(" ({}: it sent {})", to_string(record.reason), describe(*record.violation));
  } else if (record.reason != StopReason::kNone) {
    text += fmt::format(" ({})", to_string(record.reason));
  } else if (record.exit.kind == Exit::Kind::kSignaled) {
    text += cause_of_signal(record.exit.value);
  }
  if (!record.was_ready && ran) text += ", before it was ready";
  text += fmt::format("; age {}", describe(record.age));
  if (record.role == WorkerRole::kWorker) text += fmt::format(", served {}", record.served);
  if (record.violation && record.reason != StopReason::kViolation)
    text += fmt::format("; broke the protocol meanwhile: it sent {}", describe(*record.violation));
  if (record.held_begun > 0) text += fmt::format("; had begun {}", connections(record.held_begun));
  if (record.held_unbegun > 0) {
    text += fmt::format("; {} it had not begun {} to other workers", connections(record.held_unbegun),
                        record.held_unbegun == 1 ? "goes" : "go");
  }
  if (record.held_closed > 0)
    text += fmt::format("; {} it had not begun {} closed", connections(record.held_closed),
                        record.held_closed == 1 ? "is" : "are");
  if (ran) text += describe_clue(record, words);
  return text;
}

std::string describe_command(const std::vector<std::string>& command) {
  constexpr std::size_t kMost = 500;
  const std::string text = json_text(command);
  const std::string_view kept = cut_between_characters(text, kMost);
  return std::string(kept) + (kept.size() < text.size() ? "…" : "");
}

std::string describe(const Violation& violation) {
  using What = Violation::What;
  switch (violation.what) {
    case What::kForbidden: return violation.text;
    case What::kUnexpectedReady: return "Ready a second time";
    case What::kBadVersion:
      return fmt::format("Ready with protocol version {}; allowed is {}", violation.value, kProtocolVersion);
    case What::kBadSlots:
      return fmt::format("Ready with {}; allowed is 1 and more for a worker, 0 for a template",
                         counted(violation.value, "slot"));
    case What::kLongMemo: return fmt::format("Park with a memo of more than {} bytes", kMaxMemo);
    case What::kUnexpectedLeave: return "Leave before Ready, or from a template";
    case What::kUnexpectedPong: return "a Pong without a Ping";
    case What::kNotReady: return fmt::format("a record for ticket {} before Ready", violation.value);
    case What::kUnknownTicket:
      return fmt::format("a record for ticket {}, which it does not hold", violation.value);
    case What::kWrongState:
      return fmt::format("a record for ticket {} that contradicts its earlier records", violation.value);
    case What::kNotReceived:
      return fmt::format("Busy or Refused for ticket {}, which is still unread in its channel",
                         violation.value);
    case What::kMayNotPark:
      return fmt::format("Park for ticket {}, whose Connection did not allow it (flag 1, keep_alive.park)",
                         violation.value);
  }
  return "?";
}

std::string describe(const action::Stopped& stopped) {
  std::string text = "stopped";
  if (const std::uint64_t cut = stopped.cut.total(); cut > 0)
    text += fmt::format("; {} {} cut: {}", connections(cut), was(cut), joined(ways(stopped.cut)));
  if (stopped.killed > 0) {
    text += fmt::format("; {} {} killed", counted(stopped.killed, "worker"), was(stopped.killed));
  }
  return text;
}

std::string describe_restart(bool tried_again) {
  return std::string("workers are replaced") +
         (tried_again ? " by the version whose rollout failed: it is tried again; for another version change "
                        "the file and reload"
                      : "");
}

std::string describe(const Operations::Scaled& scaled) {
  const char* most = scaled.elastic ? "at most " : "";
  return fmt::format("{}{} until the next reload, {}{} before", most, counted(scaled.workers, "worker"), most,
                     scaled.before);
}

std::string describe(Duration duration) {
  const double us = std::chrono::duration<double, std::micro>(duration).count();
  if (us < 1000) return fmt::format("{:.0f} µs", us);
  if (us < 1e6) return fmt::format("{:.1f} ms", us / 1e3);
  if (us < 120e6) return fmt::format("{:.1f} s", us / 1e6);
  if (us < 7200e6) return fmt::format("{:.0f} min", us / 60e6);
  if (us < 172800e6) return fmt::format("{:.0f} h", us / 3600e6);
  return fmt::format("{:.0f} d", us / 86400e6);
}

std::string describe_bytes(std::uint64_t bytes) {
  constexpr double kKiB = 1024;
  const auto size = static_cast<double>(bytes);
  if (size < kKiB * kKiB) return fmt::format("{:.0f} KiB", size / kKiB);
  if (size < kKiB * kKiB * kKiB) return fmt::format("{:.1f} MiB", size / (kKiB * kKiB));
  return fmt::format("{:.1f} GiB", size / (kKiB * kKiB * kKiB));
}

}  // namespace prefork
