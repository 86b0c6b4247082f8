// Decides whether a value satisfies a part of the schema. The schema itself decides, through a validator; no
// code repeats its rules.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>

namespace prefork {

class SchemaJudge {
 public:
  /// `schema` must outlive the judge.
  explicit SchemaJudge(const nlohmann::json& schema);
  ~SchemaJudge();
  SchemaJudge(const SchemaJudge&) = delete;
  SchemaJudge& operator=(const SchemaJudge&) = delete;

  /// `node` is a part of the schema; its address must not change, because the compiled part is kept for it.
  [[nodiscard]] bool accepts(const nlohmann::json& node, const nlohmann::json& value);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace prefork
