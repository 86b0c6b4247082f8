// What a death tells of a program that does not suit its pool, in words.
#include "supervisor/pool/start_clue.h"

#include <doctest/doctest.h>

#include <string>

#include "supervisor/control/describe.h"

namespace prefork {
namespace {

std::string words_of(StartClue clue, const ListenWords& words = {}, bool silent = true) {
  DeathRecord record;
  record.exit = Exit{Exit::Kind::kExited, 1};
  record.silent = silent;
  record.clue = clue;
  const std::string text = describe(record, words);
  return text.substr(text.find("served 0") + 8);
}

TEST_CASE(
    "a server that listened elsewhere is told from one that never listened, with the addresses and the next "
    "step") {
  const std::string step =
      "; let it listen at the pool's address, or set \"listen\" of the pool to the program's";
  const ListenWords words{"127.0.0.1:8080", "127.0.0.1:9000, [::]:9001"};
  CHECK(words_of(StartClue::kListensElsewhere, words, false) ==
        "; it never listened at an address of the pool (127.0.0.1:8080); it listens at 127.0.0.1:9000, "
        "[::]:9001" +
            step);
  CHECK(words_of(StartClue::kListensElsewhere, {}, false) ==
        "; it never listened at an address of the pool; it listens at another address" + step);
}

TEST_CASE("FAULTS 291: a server that ends before it listens is told apart from one that goes on without") {
  const auto words = [](Exit exit, StopReason reason, bool silent = true) {
    DeathRecord record;
    record.exit = exit;
    record.reason = reason;
    record.silent = silent;
    record.clue = StartClue::kNeverListened;
    return describe(record, {"127.0.0.1:8080", ""});
  };
  CHECK(words({Exit::Kind::kExited, 3}, StopReason::kNone)
            .ends_with("of the pool (127.0.0.1:8080); it failed by itself: look at its output"));
  CHECK(words({Exit::Kind::kExited, 0}, StopReason::kNone)
            .ends_with("of the pool (127.0.0.1:8080); it ended by itself: a server goes on running"));
  CHECK(words({Exit::Kind::kSignaled, 9}, StopReason::kStartTimeout)
            .ends_with("of the pool (127.0.0.1:8080); a program that speaks the worker protocol needs "
                       "\"protocol\": \"native\""));
  CHECK(words({Exit::Kind::kSignaled, 9}, StopReason::kStartTimeout, false)
            .ends_with("of the pool (127.0.0.1:8080); let it listen there, or raise \"start_timeout\" if it "
                       "needs longer"));
}

TEST_CASE("an ordinary server without the protocol accept is told which protocol it needs") {
  CHECK(words_of(StartClue::kAddressInUse).ends_with("an ordinary server needs \"protocol\": \"accept\""));
  CHECK(words_of(StartClue::kNone).ends_with("an ordinary server needs \"protocol\": \"accept\""));
  CHECK(words_of(StartClue::kAskedForIoUring).ends_with("let it use epoll"));
  CHECK(words_of(StartClue::kWentToBackground).find("run it in the foreground") != std::string::npos);
  CHECK(words_of(StartClue::kNotReached).find("the accept library does not reach it, as") !=
        std::string::npos);
}

TEST_CASE("FAULTS 277: a worker's Notes about where it listens are kept up to a number, and each once") {
  ListenNotes notes;
  notes.heard("listens at 127.0.0.1:1");
  CHECK(notes.heard().empty());  // another protocol
  notes.expect("127.0.0.1:8080");
  notes.heard("busy");
  for (int i = 0; i < 3; ++i) notes.heard("listens at 127.0.0.1:1");
  CHECK(notes.heard() == std::vector<std::string>{"127.0.0.1:1"});
  for (int i = 2; i < 100; ++i) notes.heard("listens at 127.0.0.1:" + std::to_string(i));
  CHECK(notes.heard().size() == ListenNotes::kMost);
}

}  // namespace
}  // namespace prefork
