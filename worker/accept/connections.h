// The connections of this process: their descriptors, and what is to be done when one of these is made or
// closed.
#pragma once

#include <cstdint>

#include "worker/accept/descriptor_table.h"
#include "worker/accept/watches.h"

namespace prefork::accept {

struct Listener;

/// Takes a connection that has come for the program, and sends Busy before anything touches it. False: it was
/// refused, or the channel is closed, and `fd` is closed.
[[nodiscard]] bool begin_connection(int fd, std::uint64_t ticket, const Listener& listener);

/// The family that the program takes a connection for.
[[nodiscard]] int family_of(std::uint32_t connection);
[[nodiscard]] Watches<2>& watches_of(std::uint32_t connection);

/// `to` has become a copy of `from`, which is one of ours.
void copied(int from, int to);
/// Before a descriptor is closed: takes it out of the table and out of its epolls. Then close it, then
/// closed().
[[nodiscard]] Entry before_close(int fd);
/// After it was closed: sends Idle if nothing else of the worker holds the connection.
void closed(Entry entry);
/// After a failed exec(): holds the connections of the table again that have not ended meanwhile.
void hold_again();

/// The last holder of a connection has gone. 0: it was not the last one.
void connection_ended(std::uint64_t ticket);

}  // namespace prefork::accept
