#include "config/changes_words.h"

namespace prefork {
namespace {

void add(std::string& text, std::string_view part, std::string_view separator) {
  if (!text.empty() && !part.empty()) text += separator;
  text += part;
}

/// Numbers of workers are said.
std::string with_number(std::string_view key, const PoolConfig& pool) {
  const std::string most = std::to_string(pool.workers);
  const std::string name(key);
  if (key == "workers" && pool.elastic) return "workers " + std::to_string(pool.elastic->min) + " to " + most;
  if (key == "workers" || key == "workers.max") return name + " " + most;
  if (key == "workers.min" && pool.elastic) return name + " " + std::to_string(pool.elastic->min);
  return name;
}

std::string in_words(const ListenerChanges& changes) {
  std::string text;
  for (const ListenAddress& address : changes.added) add(text, address.text() + " added", ", ");
  for (const ListenAddress& address : changes.removed) add(text, address.text() + " removed", ", ");
  for (const auto& [address, attributes] : changes.changed)
    add(text, address.text() + " changed (" + listed(attributes) + ")", ", ");
  return text.empty() ? "" : "listen " + text;
}

}  // namespace

std::string listed(const Keys& keys) {
  std::string text;
  for (const std::string_view key : keys) add(text, key, ", ");
  return text;
}

std::string in_words(const PoolChanges& changes, const PoolConfig& pool) {
  std::string text;
  for (const std::string_view key : changes.size) add(text, with_number(key, pool), ", ");
  add(text, listed(changes.policy), ", ");
  add(text, in_words(changes.listeners), "; ");
  if (!changes.workers_replaced.empty())
    add(text, "workers are replaced: " + listed(changes.workers_replaced), "; ");
  return text.empty() ? "unchanged" : text;
}

}  // namespace prefork
