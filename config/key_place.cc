#include "config/key_place.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>

#include "config/document.h"
#include "config/json_access.h"
#include "config/problems.h"

namespace prefork {

namespace {

KeyPlace find_place(const Document& document, const PoolConfig& pool, std::string_view key) {
  const Document* pools = find_key(document, "pools");
  KeyPlace place;
  if (pools != nullptr) place.pointer = child_pointer("/pools", pool.name);
  const Document* value = pools == nullptr ? &document : &section(*pools, pool.name.c_str());
  while (!key.empty()) {
    const std::string step(key.substr(0, key.find('.')));
    key.remove_prefix(std::min(step.size() + 1, key.size()));
    place.pointer = child_pointer(place.pointer, step);
    if (value != nullptr) value = find_key(*value, step.c_str());
  }
  place.written = value != nullptr;
  return place;
}

}  // namespace

std::optional<KeyPlace> place_of_key(const Config& config, const PoolConfig& pool, std::string_view key) {
  try {
    Problems ignored("");
    const auto document = parse_document(config.text, ignored);
    if (document) return find_place(*document, pool, key);
  } catch (const std::exception&) {  // as in load.cc; without its place the message still says what is wrong
  }
  return std::nullopt;
}

}  // namespace prefork
