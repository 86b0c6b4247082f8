/* The worker library for programs in C: libprefork-worker-c, `pkg-config prefork-worker-c`.
 *
 * One connection at a time, with blocking calls:
 *
 *   static void answer(prefork_connection *connection, void *context) {
 *     … read and write prefork_connection_socket(connection) …
 *   }
 *   int main(void) { return prefork_worker_serve(answer, NULL); }
 *
 * Several connections in an event loop of the program's own: prefork_worker_open() and prefork_worker_next().
 * The PROXY protocol: prefork_proxy_header.h.
 *
 * Threads: all calls for a worker and its connections come from one thread. The socket may be read and
 * written by any thread. Errors: a function that can fail says so, and sets errno. No C++ exception leaves
 * the library. A handler must not leave by longjmp(). Pointers to workers and connections must not be NULL,
 * unless it says so. */
#ifndef PREFORK_WORKER_H
#define PREFORK_WORKER_H

#include "prefork_connection.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct prefork_worker prefork_worker;

/* Serves one connection. When it returns, the library finishes the connection if it is not finished or
 * parked. */
typedef void (*prefork_handler)(prefork_connection* connection, void* context);

/* All zero is the default, and so is NULL in its place. */
struct prefork_worker_options {
  void* context; /* given to the handler and to `start` */
  /* Called in each worker before it is ready, under "start": "fork" after the fork: for what a worker must
   * not share with others, such as connections to databases, random numbers and threads. Returns 0; with
   * another value, which is written to stderr, the worker exits with status 1. */
  int (*start)(void* context);
  unsigned leave_after; /* prefork_worker_serve() only: leaves after this many connections; 0: never */
};

/* Serves until the supervisor drains this worker or ends, or SIGTERM comes; finishes the connection in hand
 * first. Returns the exit status for main(): 0; 2 without a channel, or without a handler; 1 after an error
 * that a new worker may not have. Reasons go to stderr. Ignores SIGPIPE; handles SIGTERM during the call,
 * unless the program has a handler of its own. Under "start": "fork" it also runs the template: see
 * prefork_worker_open(). */
int prefork_worker_serve(prefork_handler handler, const struct prefork_worker_options* options);

/* Says that this worker is ready for min(`limit`, connections_per_worker) connections at a time, at least 1.
 * Ignores SIGPIPE. NULL: the program exits with *exit_status, which is 2 without a channel, 1 after an error;
 * stderr says why. The caller owns the worker.
 *
 * Under "start": "fork" the call runs the template. It returns once in each worker that it forks, and at the
 * end in the template, with NULL and 0. All workers share the memory that was loaded before the call. Threads
 * do not survive the fork, so the program must not have started any. */
prefork_worker* prefork_worker_open(unsigned limit, const struct prefork_worker_options* options,
                                    int* exit_status);
/* Frees the worker, whose connections must have been finished or parked. NULL is allowed. */
void prefork_worker_close(prefork_worker* worker);

/* Readable when prefork_worker_next() may return a connection. The library keeps it. */
int prefork_worker_descriptor(const prefork_worker* worker);
/* The next connection, which has been begun and belongs to the caller until it finishes or parks it. Call it
 * until it returns NULL. NULL: EAGAIN: none now; ESHUTDOWN: no more come, stop watching the descriptor;
 * ENOMEM: nothing was taken, try again later. It does not wait for a connection; only while the supervisor is
 * hundreds of records behind does it wait until it can send the receipt. */
prefork_connection* prefork_worker_next(prefork_worker* worker);
/* This worker's load, from 0 to 1000 thousandths of its capacity: among workers with equally many connections
 * the supervisor prefers the one that reports the least. Returns 0, or -1: EINVAL: more than 1000. */
int prefork_worker_report_load(prefork_worker* worker, unsigned thousandths);
/* 1: no more connections come. From now on the descriptor may be readable for ever: stop watching it. */
int prefork_worker_draining(const prefork_worker* worker);
/* Leaves by this program's own decision: another worker takes its place. Go on calling prefork_worker_next()
 * until it is draining; exit when it is finished. */
void prefork_worker_leave(prefork_worker* worker);
/* As leave, and the descriptor becomes readable. Safe in a signal handler. */
void prefork_worker_stop(prefork_worker* worker);
/* 1: draining, or left, and the last connection is finished: exit with prefork_worker_exit_status(). */
int prefork_worker_finished(const prefork_worker* worker);
/* 0, or 1 after an error, which stderr explains. */
int prefork_worker_exit_status(const prefork_worker* worker);

#ifdef __cplusplus
}
#endif

#endif
