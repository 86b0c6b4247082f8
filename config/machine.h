// How the reader of a configuration asks the machine it runs on: for programs, users, groups and hosts. Each
// such question may wait, for a name server, a user database or a disk. Only what the text says needs none.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"

namespace prefork {

/// The directories in which to find a program whose name has no slash.
struct CommandSearch {
  std::string path;            ///< as in $PATH
  std::string own_directory;   ///< beside the supervisor's own executable; searched last
  std::string libraries = {};  ///< where the accept library must be; empty: not looked for

  template <typename Self, typename Visit>
  static void visit_state(Self& self, Visit&& visit) {
    visit("path", self.path), visit("own_directory", self.own_directory);
    visit("libraries", self.libraries);
  }
};

struct WorkerUser {
  Identity identity;
  Account account;  ///< of a number without an account: what suits any program
};

class Machine {
 public:
  using Speak = std::function<void(const std::string& pointer, const std::string& question)>;

  explicit Machine(CommandSearch search) : search_(std::move(search)) {}

  /// For a reload: a listener of `config` is open, so its host and owner are not asked for again. With
  /// `ask_known` false, neither is any other name that `config` has. Borrowed.
  void has_in_force(const Config& config, bool ask_known) { in_force_ = &config, ask_known_ = ask_known; }
  /// Calls `speak` before each question: the last one tells what the reader waits for.
  void speak_before_asking(Speak speak) { speak_ = std::move(speak); }

  [[nodiscard]] const CommandSearch& search() const { return search_; }
  void about_to_ask(const std::string& pointer, const std::string& question) const {
    if (speak_) speak_(pointer, question);
  }

  // The answers that need not be asked for; none: it must be asked.
  [[nodiscard]] std::optional<WorkerUser> known_worker_user(const std::string& user,
                                                            const std::string& group) const;
  [[nodiscard]] std::optional<Identity> known_supervisor_user(const std::string& user) const;
  [[nodiscard]] std::vector<std::string> known_hosts(const ListenAddress& address) const;
  [[nodiscard]] std::optional<std::uint32_t> known_owner(const ListenAddress& address) const;
  [[nodiscard]] std::optional<std::uint32_t> known_group(const ListenAddress& address) const;

 private:
  /// The answers of a listener in force with the same name: of that at the same place, or with ask_known_
  /// false of any.
  [[nodiscard]] ListenAnswers known(const ListenAddress& address, std::string ListenAddress::*name) const;

  CommandSearch search_;
  const Config* in_force_ = nullptr;
  bool ask_known_ = true;
  Speak speak_;
};

}  // namespace prefork
