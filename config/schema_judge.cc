#include "config/schema_judge.h"

#include <map>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace prefork {

using nlohmann::json;
using valijson::adapters::NlohmannJsonAdapter;

struct SchemaJudge::Compiled {
  const json& schema;
  std::map<const json*, valijson::Schema> nodes;
  valijson::Validator validator{valijson::Validator::kStrongTypes};
};

SchemaJudge::SchemaJudge(const json& schema) : compiled_(new Compiled{schema, {}}) {}
SchemaJudge::~SchemaJudge() = default;

bool SchemaJudge::accepts(const json& node, const json& value) {
  const auto [entry, is_new] = compiled_->nodes.try_emplace(&node);
  if (is_new) {
    // References start at the root, so a part is compiled as a document that has the same definitions.
    const json part = {{"definitions", compiled_->schema.at("definitions")}, {"allOf", json::array({node})}};
    valijson::SchemaParser().populateSchema(NlohmannJsonAdapter(part), entry->second);
  }
  return compiled_->validator.validate(entry->second, NlohmannJsonAdapter(value), nullptr);
}

}  // namespace prefork
