#include "supervisor/control/start_clue_words.h"

namespace prefork {
namespace {

/// It ended by itself, closed its channel, or its time to start was over, without a sign that it knows the
/// protocol.
bool may_not_speak_the_protocol(const DeathRecord& record) {
  const Exit::Kind kind = record.exit.kind;
  if (!record.silent || (kind != Exit::Kind::kExited && kind != Exit::Kind::kSignaled)) return false;
  return record.reason == StopReason::kStartTimeout || record.reason == StopReason::kChannelClosed ||
         (record.reason == StopReason::kNone && kind == Exit::Kind::kExited);
}

std::string without_a_clue(const DeathRecord& record) {
  if (!may_not_speak_the_protocol(record)) return "";
  const std::string accept = "; an ordinary server needs \"protocol\": \"accept\"";
  // A status other than 0 tells of a failure of its own, most often while it loads the application.
  const bool failed = record.exit.kind == Exit::Kind::kExited && record.exit.value != 0;
  if (failed) {
    return "; it sent nothing over its channel: it failed before that, look at its output; or it does not "
           "speak the worker protocol (docs/workers.md)" +
           accept;
  }
  if (record.reason == StopReason::kStartTimeout) {
    return "; it sent nothing over its channel: it needs more time to load than start_timeout, "
           "or it does not speak the worker protocol (docs/workers.md)" +
           accept;
  }
  return "; it sent nothing over its channel: the command must be a program that speaks the worker protocol, "
         "for example with the worker library (docs/workers.md)" +
         accept;
}

std::string never_listened(const ListenWords& words) {
  return "; it never listened at an address of the pool" +
         (words.pool.empty() ? "" : " (" + words.pool + ")");
}

/// A failure of its own tells nothing of the protocol: most often the application does not load.
std::string without_listening(const DeathRecord& record, const ListenWords& words) {
  if (record.exit.kind == Exit::Kind::kExited && record.reason == StopReason::kNone) {
    return never_listened(words) + (record.exit.value == 0 ? "; it ended by itself: a server goes on running"
                                                           : "; it failed by itself: look at its output");
  }
  if (!record.silent) {
    return never_listened(words) + "; let it listen there, or raise \"start_timeout\" if it needs longer";
  }
  return never_listened(words) +
         (words.of_node
              ? "; it sent nothing over its channel: it is no Node program, or it starts Node in a process "
                "of its own; name node and the file"
              : "; a program that speaks the worker protocol needs \"protocol\": \"native\"");
}

std::string not_reached(const ListenWords& words) {
  const std::string in_use =
      never_listened(words) + "; its output tells of an address that is in use: it wants another one, or ";
  return in_use + (words.of_node
                       ? "it listens with \"exclusive\": true"
                       : "the accept library does not reach it, as a program that is static or calls the "
                         "kernel itself");
}

}  // namespace

std::string describe_clue(const DeathRecord& record, const ListenWords& words) {
  switch (record.clue) {
    case StartClue::kNone: return without_a_clue(record);
    case StartClue::kNeverListened: return without_listening(record, words);
    case StartClue::kListensElsewhere:
      return never_listened(words) + "; it listens at " +
             (words.program.empty() ? "another address" : words.program) +
             "; let it listen at the pool's address, or set \"listen\" of the pool to the program's";
    case StartClue::kAskedForIoUring:
      return never_listened(words) +
             "; it asked for io_uring, which is refused because connections cannot be given to it that way: "
             "let it use "
             "epoll";
    case StartClue::kWentToBackground:
      return "; it went to the background: its process ended, and a child of it goes on with the channel; "
             "run it "
             "in the foreground (most servers have an option for that)";
    case StartClue::kAddressInUse:
      return "; its output tells of an address that is in use: the supervisor listens there, and an ordinary "
             "server needs \"protocol\": \"accept\"";
    case StartClue::kNotReached: return not_reached(words);
  }
  return "";
}

}  // namespace prefork
