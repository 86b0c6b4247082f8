// The part of Pool that is carried over into another program, and back.
#include "supervisor/core/pool.h"
#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {

Snapshot Pool::snapshot() const { return to_snapshot(*this); }

std::string Pool::restore(const Snapshot& snapshot) {
  lifecycle_.before_restore();
  if (std::string wrong = from_snapshot(snapshot, *this); !wrong.empty()) return wrong;
  dispatcher_.restored();
  lifecycle_.restored();
  const char* broken = broken_invariant();
  return broken == nullptr ? "" : broken;
}

}  // namespace prefork
