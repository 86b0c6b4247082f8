// The values of a Config that do not follow from its text alone: the machine has answered them when the text
// was read. An upgrade in place carries them beside the text, so that the new program has the same
// configuration whatever the machine would answer now.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace prefork {

struct PoolAnswers {
  std::string name;
  std::string executable;
  std::optional<Identity> identity;
  std::uint32_t workers = 0;  ///< without the key in the text: from the number of CPUs
  Account account = {};
  PinnedProgram pinned = {};
  std::vector<ListenAnswers> listen = {};  ///< of each listener, in the order of the text
  bool musl = false;                       ///< protocol accept: the program uses that C library

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("name", self.name), visit("executable", self.executable), visit("identity", self.identity);
    visit("workers", self.workers), visit("account", self.account);
    visit("pinned", self.pinned), visit("listen", self.listen), visit("musl", self.musl);
  }
};

struct AdminAnswers {
  std::string token = {};                              ///< the content of its file
  std::optional<Identity> identity = {};               ///< of admin_user
  std::vector<ListenAnswers> listen = {}, agent = {};  ///< in the order of the text

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("token", self.token), visit("identity", self.identity);
    visit("listen", self.listen), visit("agent", self.agent);
  }
};

struct MachineAnswers {
  std::optional<Identity> supervisor_identity;
  std::vector<PoolAnswers> pools;
  AdminAnswers admin = {};

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("supervisor_identity", self.supervisor_identity), visit("pools", self.pools);
    visit("admin", self.admin);
  }
};

[[nodiscard]] PoolAnswers answers_in(const PoolConfig& pool);
[[nodiscard]] AdminAnswers answers_in(const AdminConfig& admin);
[[nodiscard]] MachineAnswers answers_in(const Config& config);

/// Puts the answers into a configuration that was read from the same text. A pool that they do not name stays
/// as it is.
void put_answers(const MachineAnswers& answers, Config& config);

}  // namespace prefork
