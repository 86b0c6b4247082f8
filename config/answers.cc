#include "config/answers.h"

#include <algorithm>
#include <cstddef>

namespace prefork {
namespace {

std::vector<ListenAnswers> answers_in(const std::vector<ListenAddress>& addresses) {
  std::vector<ListenAnswers> answers;
  for (const ListenAddress& address : addresses) answers.push_back(address.answers);
  return answers;
}

/// An earlier version has carried none.
void put_answers(const std::vector<ListenAnswers>& known, std::vector<ListenAddress>& addresses) {
  for (std::size_t i = 0; i < std::min(addresses.size(), known.size()); ++i) addresses[i].answers = known[i];
}

}  // namespace

PoolAnswers answers_in(const PoolConfig& pool) {
  PoolAnswers answers{pool.name,    pool.executable,      pool.process.identity,
                      pool.workers, pool.process.account, pool.pinned};
  answers.musl = pool.protocol.musl;
  answers.listen = answers_in(pool.listen);
  return answers;
}

AdminAnswers answers_in(const AdminConfig& admin) {
  return {admin.token, admin.identity, answers_in(admin.listen), answers_in(admin.agent)};
}

MachineAnswers answers_in(const Config& config) {
  MachineAnswers answers{config.supervisor_identity, {}, answers_in(config.admin)};
  for (const PoolConfig& pool : config.pools) answers.pools.push_back(answers_in(pool));
  return answers;
}

void put_answers(const MachineAnswers& answers, Config& config) {
  config.supervisor_identity = answers.supervisor_identity;
  config.admin.token = answers.admin.token;
  config.admin.identity = answers.admin.identity;
  put_answers(answers.admin.listen, config.admin.listen);
  put_answers(answers.admin.agent, config.admin.agent);
  for (PoolConfig& pool : config.pools) {
    const auto known = std::find_if(answers.pools.begin(), answers.pools.end(),
                                    [&pool](const PoolAnswers& one) { return one.name == pool.name; });
    if (known == answers.pools.end()) continue;
    pool.executable = known->executable;
    pool.process.identity = known->identity;
    pool.process.account = known->account;
    pool.workers = known->workers;
    pool.pinned = known->pinned;
    pool.protocol.musl = known->musl;
    put_answers(known->listen, pool.listen);
  }
}

}  // namespace prefork
