// What a worker and the supervisor speak on the worker's channel.
#pragma once

#include <cstdint>

namespace prefork {

enum class Wire : std::uint8_t {
  kNative,   ///< the records of docs/protocol.md; the channel is kChannelDescriptor
  kClassic,  ///< descriptors down, ints up (docs/classic.md); the channel is descriptor 0
  kNode,     ///< lines of JSON, as between a Node cluster and its workers; the channel is kChannelDescriptor
};

/// The descriptor at which a classic worker finds its channel.
inline constexpr int kClassicDescriptor = 0;

}  // namespace prefork
