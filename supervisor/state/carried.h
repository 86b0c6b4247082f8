// A descriptor in the state of an upgrade in place. It is carried by its number: the process keeps its
// descriptors through the exec. descriptors_in() finds all of this type.
#pragma once

namespace prefork {

/// The number of a descriptor of this process.
enum class Carried : int { kNone = -1 };

}  // namespace prefork
