// The seccomp filter of a program with the protocol accept-notify: its calls that have to do with listeners,
// and the closes of its connections, are reported to the notifier. It is no protection: other calls pass.
#pragma once

#include "proto/fd.h"
#include "worker/notify/numbers.h"

namespace prefork::notify {

/// In the process that becomes the program, which has no_new_privs. The descriptor at which the calls are
/// reported; not valid: see errno.
[[nodiscard]] Fd install_filter(const NumberRange& connections);

}  // namespace prefork::notify
