// Puts a schema's rules and a file's values into words for a person. Every result is printable ASCII without
// a line end, whatever the file contains.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace prefork {

/// The text as JSON writes it inside a string, so that it reads as it does in the file: everything that is
/// not printable ASCII becomes \u00xx. Cut after 300 bytes.
[[nodiscard]] std::string json_escaped(std::string_view text);
/// The same between quotation marks; of a long text the beginning and the length.
[[nodiscard]] std::string in_quotes(std::string_view text);
/// The same for a path, with a longer beginning.
[[nodiscard]] std::string path_in_quotes(std::string_view path);
/// A value as JSON; of an object or array only the kind.
[[nodiscard]] std::string value_text(const nlohmann::ordered_json& value);

/// The definition that the `$ref` of `node` names.
[[nodiscard]] const nlohmann::json& referred(const nlohmann::json& schema, const nlohmann::json& node);
/// The definition to which `$ref` and `allOf` lead. `schema` is the whole schema, `node` a part of it.
[[nodiscard]] const nlohmann::json& follow(const nlohmann::json& schema, const nlohmann::json& node);
/// The alternatives of `anyOf`, nested ones included; the node itself when it has none.
[[nodiscard]] std::vector<const nlohmann::json*> alternatives(const nlohmann::json& schema,
                                                              const nlohmann::json& node);
/// The allowed values at `node`: "an integer from 1 to 4096".
[[nodiscard]] std::string allowed_text(const nlohmann::json& schema, const nlohmann::json& node);

}  // namespace prefork
