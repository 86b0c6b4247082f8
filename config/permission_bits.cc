#include "config/permission_bits.h"

#include <algorithm>

namespace prefork {

bool permitted(const struct stat& info, const Identity& identity, mode_t wanted) {
  const bool owner = info.st_uid == identity.uid;
  const bool member = info.st_gid == identity.gid || std::find(identity.groups.begin(), identity.groups.end(),
                                                               info.st_gid) != identity.groups.end();
  const unsigned shift = owner ? 6 : member ? 3 : 0;
  return ((info.st_mode >> shift) & wanted) == wanted;
}

}  // namespace prefork
