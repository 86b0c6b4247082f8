// Says whether a value satisfies a part of the schema: the schema itself decides, through a validator, never
// code that repeats it.
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

  /// `node` is a part of the schema (and stays where it is: what was compiled for it is kept).
  [[nodiscard]] bool accepts(const nlohmann::json& node, const nlohmann::json& value);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace prefork
