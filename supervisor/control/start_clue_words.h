// What a death lets guess about the configuration, in words: a program that does not suit the pool's
// protocol, listens somewhere else, or goes to the background.
#pragma once

#include <string>

#include "supervisor/core/death_record.h"

namespace prefork {

/// Lists of addresses; empty: not known.
struct ListenWords {
  std::string pool;      ///< where the pool listens
  std::string program;   ///< where its program listened instead
  bool of_node = false;  ///< the protocol is node
};

/// "; it never listened at an address of the pool (127.0.0.1:8080); it listens at 127.0.0.1:9000; let it …"
/// or "".
[[nodiscard]] std::string describe_clue(const DeathRecord& record, const ListenWords& words);

}  // namespace prefork
