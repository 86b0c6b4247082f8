#include "supervisor/core/snapshot.h"

namespace prefork {

bool operator==(const Snapshot::Object& a, const Snapshot::Object& b) {
  return a.names == b.names && a.values == b.values;
}

bool operator==(const Snapshot& a, const Snapshot& b) { return a.value == b.value; }

}  // namespace prefork
