#include "config/machine.h"

namespace prefork {

std::optional<WorkerUser> Machine::known_worker_user(const std::string& user,
                                                     const std::string& group) const {
  if (ask_known_) return std::nullopt;
  for (const PoolConfig& pool : in_force_->pools) {
    const ProcessConfig& process = pool.process;
    if (process.identity && process.user == user && process.group == group)
      return WorkerUser{*process.identity, process.account};
  }
  return std::nullopt;
}

std::optional<Identity> Machine::known_supervisor_user(const std::string& user) const {
  if (ask_known_) return std::nullopt;
  if (in_force_->supervisor_user == user) return in_force_->supervisor_identity;
  return in_force_->admin.user == user ? in_force_->admin.identity : std::nullopt;
}

std::vector<std::string> Machine::known_hosts(const ListenAddress& address) const {
  return known(address, &ListenAddress::host).hosts;
}

std::optional<std::uint32_t> Machine::known_owner(const ListenAddress& address) const {
  return known(address, &ListenAddress::owner).owner;
}

std::optional<std::uint32_t> Machine::known_group(const ListenAddress& address) const {
  return known(address, &ListenAddress::group).group;
}

ListenAnswers Machine::known(const ListenAddress& address, std::string ListenAddress::*name) const {
  ListenAnswers answers;
  if (in_force_ == nullptr) return answers;
  std::vector<const std::vector<ListenAddress>*> all{&in_force_->admin.listen, &in_force_->admin.agent};
  for (const PoolConfig& pool : in_force_->pools) all.push_back(&pool.listen);
  for (const auto* listeners : all) {
    for (const ListenAddress& open : *listeners) {
      if (open.*name != address.*name) continue;
      if (same_place(open, address)) return open.answers;
      if (!ask_known_) answers = open.answers;
    }
  }
  return answers;
}

}  // namespace prefork
