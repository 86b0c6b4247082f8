#include "config/answers.h"

#include <algorithm>
#include <cstddef>

namespace prefork {

PoolAnswers answers_in(const PoolConfig& pool) {
  PoolAnswers answers{pool.name,    pool.executable,      pool.process.identity,
                      pool.workers, pool.process.account, pool.pinned};
  answers.musl = pool.protocol.musl;
  for (const ListenAddress& address : pool.listen) answers.listen.push_back(address.answers);
  return answers;
}

MachineAnswers answers_in(const Config& config) {
  MachineAnswers answers{config.supervisor_identity, {}};
  for (const PoolConfig& pool : config.pools) answers.pools.push_back(answers_in(pool));
  return answers;
}

void put_answers(const MachineAnswers& answers, Config& config) {
  config.supervisor_identity = answers.supervisor_identity;
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
    // An earlier version has carried none.
    for (std::size_t i = 0; i < std::min(pool.listen.size(), known->listen.size()); ++i)
      pool.listen[i].answers = known->listen[i];
  }
}

}  // namespace prefork
