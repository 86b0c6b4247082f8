#include "config/changes_words.h"

#include "proto/joined.h"

namespace prefork {
namespace {

/// The key, and for a number of workers its value: numbers of workers are no secret.
std::string with_number(std::string_view key, const PoolConfig& pool) {
  const std::string most = std::to_string(pool.workers);
  const std::string name(key);
  if (key == "workers" && pool.elastic) return "workers " + std::to_string(pool.elastic->min) + " to " + most;
  if (key == "workers" || key == "workers.max") return name + " " + most;
  if (key == "workers.min" && pool.elastic) return name + " " + std::to_string(pool.elastic->min);
  return name;
}

std::vector<std::string> in_words(const ListenerChanges& changes) {
  std::vector<std::string> parts;
  for (const ListenAddress& address : changes.added) parts.push_back(address.text() + " added");
  for (const ListenAddress& address : changes.removed) parts.push_back(address.text() + " removed");
  for (const auto& [address, attributes] : changes.changed)
    parts.push_back(address.text() + " changed (" + joined(attributes) + ")");
  return parts;
}

}  // namespace

std::string in_words(const PoolChanges& changes, const PoolConfig& pool) {
  std::vector<std::string> at_once;
  for (const std::string_view key : changes.size) at_once.push_back(with_number(key, pool));
  at_once.insert(at_once.end(), changes.policy.begin(), changes.policy.end());
  std::vector<std::string> parts;
  if (!at_once.empty()) parts.push_back(joined(at_once));
  if (changes.listeners.any()) parts.push_back("listen " + joined(in_words(changes.listeners)));
  if (!changes.workers_replaced.empty())
    parts.push_back("workers are replaced: " + joined(changes.workers_replaced));
  if (!changes.already_run.empty())
    parts.push_back("the workers that serve already run it: " + joined(changes.already_run));
  return parts.empty() ? "unchanged" : joined(parts, "; ");
}

}  // namespace prefork
