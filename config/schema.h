// The JSON Schema of pool.json (draft-07), from config/pool.schema.json: the only definition of the keys,
// their allowed values and their defaults. The loader checks files with it; editors can use it.
//
// Beside the standard keywords it has annotations of its own, which other programs ignore:
//   x-allowed    the allowed values in words, where the keywords would not make a good sentence
//   x-default    the default in words, where it is not a constant
//   x-maximum    the longest duration
//   x-max-bytes  the longest string, in bytes of UTF-8
//   x-binary     a string that may contain NUL
#pragma once

#include <string_view>

namespace prefork {

[[nodiscard]] std::string_view pool_schema();

}  // namespace prefork
