#include "tests/support/pool_text.h"

namespace prefork::test {
namespace {

std::string list(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "[\"" : ", \"") + item + '"';
  return text + ']';
}

}  // namespace

std::string PoolText::text() const {
  return "{\"listen\": " + list(listen) + ", \"command\": " + list(command) +
         ", \"workers\": " + std::to_string(workers) + ", \"probation\": " + probation +
         (control ? std::string(", ") + kWithControl : "") + (more.empty() ? "" : ", " + more) + "}\n";
}

std::string pools_text(const std::vector<std::pair<std::string, PoolText>>& pools, const std::string& more) {
  std::string text;
  for (const auto& [name, pool] : pools) {
    PoolText inner = pool;
    inner.control = false;  // that is the file's
    text += (text.empty() ? "\"" : ", \"") + name + "\": " + inner.text();
  }
  return "{\"pools\": {" + text + "}, " + kWithControl + (more.empty() ? "" : ", " + more) + "}\n";
}

PoolText server_pool(const std::string& program, const std::string& protocol, const std::string& how,
                     unsigned workers, const std::string& more) {
  PoolText pool;
  pool.command = {program};
  if (!how.empty()) pool.command.push_back(how);
  pool.workers = workers;
  pool.more = R"("protocol": ")" + protocol + '"' + (more.empty() ? "" : ", " + more);
  return pool;
}

std::vector<std::string> scripted(std::vector<std::string> steps) {
  steps.insert(steps.begin(), "scripted-worker");
  return steps;
}

}  // namespace prefork::test
