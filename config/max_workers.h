// The largest size of a pool, for the configuration and for an operator. pool.schema.json has the same
// figure.
#pragma once

namespace prefork {

inline constexpr unsigned kMaxWorkers = 4096;

}  // namespace prefork
