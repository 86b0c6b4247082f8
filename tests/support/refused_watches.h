// The lobby's calls of epoll_ctl(2) that fail in this program, as when fs.epoll.max_user_watches is reached.
// loop_test.cc has the function in the place of libc's.
#pragma once

namespace prefork::test {

inline bool clients_are_refused = false;

}  // namespace prefork::test
