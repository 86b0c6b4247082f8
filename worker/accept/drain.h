// The end of a worker: Drain or the end of the channel becomes the signal that the program knows for it, and
// a program that closes its listener by itself is reported with Leave.
#pragma once

namespace prefork::accept {

/// Drain has come; the process that read it passes it on.
void on_drain();
/// The channel has ended. It stays readable; so this is called again and again, and pauses the program for a
/// moment.
void on_channel_end();
/// Nothing is in progress any more while the worker ends: the program gets time to log.
void finish_soon();
/// The program waits for a connection that cannot come: what is due is done.
void at_wait();

/// The last listener of the worker was closed. What the supervisor has sent and the program has not begun is
/// closed unused, until Drain comes or, should that take long, at the end of each connection.
void leave();
/// After Leave: closes what has come.
void give_back();
/// A process died while it said that it had begun a connection: what it has not begun is given back as by
/// leave(), and the program ends. Its death tells the supervisor what became of that connection.
void give_up();

/// The eventfd through which the owner's attendant is told, by processes that may not signal the owner, too.
void make_drain_event(int (*make)());
[[nodiscard]] int drain_event();
/// In the attendant of the owner.
void on_drain_event();

}  // namespace prefork::accept
