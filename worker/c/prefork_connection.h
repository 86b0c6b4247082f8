/* A connection of a worker in C. prefork_worker.h includes this, and gives the connections. */
#ifndef PREFORK_CONNECTION_H
#define PREFORK_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct prefork_connection prefork_connection;

/* The client's socket, blocking, as the supervisor accepted it. The library closes it. Take it out of an
 * epoll (EPOLL_CTL_DEL) before the connection is finished or parked: the supervisor may hold a copy. */
int prefork_connection_socket(const prefork_connection* connection);
/* The supervisor's number for this connection; never used twice. */
uint64_t prefork_connection_ticket(const prefork_connection* connection);
/* The index, from 0, of the pool's address that accepted it. */
unsigned prefork_connection_listener(const prefork_connection* connection);
/* When it was accepted: nanoseconds of CLOCK_MONOTONIC. */
uint64_t prefork_connection_accepted_ns(const prefork_connection* connection);
/* How long it waited for a worker, in microseconds; at most 71 minutes are counted. */
uint64_t prefork_connection_waited_us(const prefork_connection* connection);

/* What the worker that parked this connection last has left for this one; *length is 0 when it left nothing.
 * Valid as long as the connection. */
const void* prefork_connection_memo(const prefork_connection* connection, size_t* length);
/* 1: the supervisor keeps a copy of the socket until this worker is done with it. */
int prefork_connection_copy_kept(const prefork_connection* connection);
/* 1: the listener speaks the PROXY protocol, and its header has to be read first:
 * prefork_read_proxy_header(). 0 for a connection that a worker has parked: that worker has read it. */
int prefork_connection_proxied(const prefork_connection* connection);

/* A text for the supervisor's status: what this worker is doing. Bytes after 224 are cut. It is dropped when
 * the channel is full or there is no memory. */
void prefork_connection_note(prefork_connection* connection, const char* text, size_t length);
/* Work on this connection goes on: `busy_timeout` starts again. */
void prefork_connection_progress(prefork_connection* connection);
/* 1: this worker has to leave. A handler that serves many requests calls it between two, and returns then. */
int prefork_connection_leaving(prefork_connection* connection);
/* Waits up to `timeout_ms` for the next request, when every request that was read is answered and no later
 * bytes are in a buffer. 1: the socket is readable (an end of file counts). 0: it has been parked, or the
 * time is up: return from the handler. For prefork_worker_serve(). The memo is that of
 * prefork_connection_park(). */
int prefork_connection_next_request(prefork_connection* connection, int timeout_ms, const void* memo,
                                    size_t length);
/* In place of it while bytes of a further request are in a buffer. 1: make this answer the last one, and
 * return. */
int prefork_connection_must_end(prefork_connection* connection);

/* 1: the supervisor takes this connection back between two requests. */
int prefork_connection_may_park(const prefork_connection* connection);
/* 1: park it as soon as the request is answered, for other connections wait. Programs with several
 * connections ask after each answer, and again when prefork_worker_next() has returned NULL. */
int prefork_connection_park_wanted(const prefork_connection* connection);
/* Gives the connection back until the client sends more. Conditions: may_park, every request that was read is
 * answered, no later bytes are in a buffer, and no epoll watches the socket. Without may_park it finishes the
 * connection. The pointer is invalid then.
 *
 * `memo`: any bytes for the worker that gets the next request, in place of the memo that there was; at most
 * 224, or NULL. A longer one cannot be carried: then the connection is finished. */
void prefork_connection_park(prefork_connection* connection, const void* memo, size_t length);
/* shutdown(SHUT_WR), close, and the slot is free. The pointer is invalid then. */
void prefork_connection_finish(prefork_connection* connection);

#ifdef __cplusplus
}
#endif

#endif
