// What is done to all open descriptors from a number on, by a process that is about to run something else.
// close_range(2), or one by one where a container's rules deny that call or the kernel is too old for it.
// No allocation and no locks: a process that was just cloned may call these.
#pragma once

namespace prefork {

void close_descriptors_from(int first);
void set_close_on_exec_from(int first);

}  // namespace prefork
