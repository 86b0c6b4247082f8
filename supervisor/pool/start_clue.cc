#include "supervisor/pool/start_clue.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "proto/joined.h"

namespace prefork {
namespace {

/// As the C library, Python, Node, Java and Rust write it.
bool tells_of_address_in_use(std::string line) {
  std::transform(line.begin(), line.end(), line.begin(),
                 [](unsigned char each) { return static_cast<char>(std::tolower(each)); });
  return line.find("address already in use") != std::string::npos ||
         line.find("address in use") != std::string::npos || line.find("eaddrinuse") != std::string::npos;
}

bool output_tells_of_address_in_use(const WorkerProcess& process) {
  if (process.output() == nullptr) return false;
  const auto lines = process.output()->last_lines();
  return std::any_of(lines.begin(), lines.end(), tells_of_address_in_use);
}

/// Its time to start is over, or it has left by itself.
bool had_its_time(const WorkerRow& row, const Exit& exit) {
  return row.reason == StopReason::kStartTimeout || row.reason == StopReason::kChannelClosed ||
         (row.reason == StopReason::kNone && exit.kind == Exit::Kind::kExited);
}

StartClue clue_of_server(const WorkerRow& row, const Exit& exit, const WorkerProcess& process) {
  const bool succeeded = exit.kind == Exit::Kind::kExited && exit.value == 0;
  if (row.reason == StopReason::kNone && succeeded && process.channel_is_held())
    return StartClue::kWentToBackground;
  if (row.was_ready || !had_its_time(row, exit)) return StartClue::kNone;
  if (!process.listen_notes().heard().empty()) return StartClue::kListensElsewhere;
  if (process.listen_notes().asked_for_io_uring()) return StartClue::kAskedForIoUring;
  return output_tells_of_address_in_use(process) ? StartClue::kNotReached : StartClue::kNeverListened;
}

}  // namespace

StartClue start_clue(const WorkerRow& row, const event::WorkerExited& exited, const WorkerProcess& process) {
  if (!exited.start_error.empty()) return StartClue::kNone;
  if (!process.listen_notes().expected().empty()) return clue_of_server(row, exited.exit, process);
  const bool left = row.reason == StopReason::kNone && exited.exit.kind == Exit::Kind::kExited;
  const bool in_use = exited.silent && left && output_tells_of_address_in_use(process);
  return in_use ? StartClue::kAddressInUse : StartClue::kNone;
}

ListenWords listen_words(const WorkerProcess* process) {
  if (process == nullptr) return {};
  const ListenNotes& notes = process->listen_notes();
  return {notes.expected(), joined(notes.heard()), notes.of_node()};
}

}  // namespace prefork
