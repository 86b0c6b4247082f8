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

/// The last listener of the worker was closed.
void leave();

/// The descriptor through which the owner is told, in processes that may not signal it.
void make_drain_event(int (*make)());
[[nodiscard]] int drain_event();
/// The owner's own thread was told through it.
void on_drain_event();

}  // namespace prefork::accept
