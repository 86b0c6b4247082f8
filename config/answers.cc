#include "config/answers.h"

#include <algorithm>

namespace prefork {

PoolAnswers answers_in(const PoolConfig& pool) {
  return {pool.name, pool.executable, pool.process.identity, pool.workers, pool.process.account};
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
  }
}

}  // namespace prefork
