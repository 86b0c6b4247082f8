#include <cerrno>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "proto/export.h"
#include "worker/c/connection.h"
#include "worker/serve.h"

using prefork::worker::Connection;
using prefork::worker::Slots;

namespace {

/// The status for main() when there is no worker because of an exception, which is written to stderr.
int report_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "worker: %s\n", error.what());
  } catch (...) {
    (void)std::fprintf(stderr, "worker: unknown exception\n");
  }
  return 1;
}

std::function<void()> start_of(const prefork_worker_options& options) {
  if (options.start == nullptr) return {};
  return [options] {
    const int value = options.start(options.context);
    if (value != 0) throw std::runtime_error("it returned " + std::to_string(value));
  };
}

}  // namespace

extern "C" {

PREFORK_API int prefork_worker_serve(prefork_handler handler, const prefork_worker_options* options) {
  if (handler == nullptr) {
    (void)std::fprintf(stderr, "prefork_worker_serve: there is no handler\n");
    return 2;
  }
  try {
    const prefork_worker_options given = options == nullptr ? prefork_worker_options{} : *options;
    return prefork::worker::serve(
        [handler, &given](Connection& connection) {
          prefork_connection handle{.connection = &connection};
          handler(&handle, given.context);
        },
        {.leave_after = given.leave_after, .start = start_of(given)});
  } catch (...) {
    return report_exception();
  }
}

PREFORK_API prefork_worker* prefork_worker_open(unsigned limit, const prefork_worker_options* options,
                                                int* exit_status) {
  try {
    auto [slots, status] = Slots::open(limit, options == nullptr ? nullptr : start_of(*options));
    *exit_status = status;
    return slots ? new prefork_worker{.slots = std::move(*slots)} : nullptr;
  } catch (...) {
    *exit_status = report_exception();
    return nullptr;
  }
}

PREFORK_API void prefork_worker_close(prefork_worker* worker) { delete worker; }

PREFORK_API int prefork_worker_descriptor(const prefork_worker* worker) { return worker->slots.descriptor(); }

PREFORK_API prefork_connection* prefork_worker_next(prefork_worker* worker) {
  if (!worker->spare) worker->spare.reset(new (std::nothrow) prefork_connection);
  if (!worker->spare) {
    errno = ENOMEM;
    return nullptr;
  }
  try {
    worker->spare->own = worker->slots.next();
  } catch (...) {  // only the text of a malformed datagram needs memory
    errno = ENOMEM;
    return nullptr;
  }
  if (!worker->spare->own) {
    errno = worker->slots.draining() ? ESHUTDOWN : EAGAIN;
    return nullptr;
  }
  worker->spare->connection = &*worker->spare->own;
  return worker->spare.release();
}

PREFORK_API int prefork_worker_report_load(prefork_worker* worker, unsigned thousandths) {
  if (thousandths > 1000) {
    errno = EINVAL;
    return -1;
  }
  worker->slots.report_load(thousandths);
  return 0;
}

PREFORK_API int prefork_worker_draining(const prefork_worker* worker) {
  return worker->slots.draining() ? 1 : 0;
}

PREFORK_API void prefork_worker_leave(prefork_worker* worker) { worker->slots.leave(); }

PREFORK_API void prefork_worker_stop(prefork_worker* worker) { worker->slots.stop(); }

PREFORK_API int prefork_worker_finished(const prefork_worker* worker) {
  return worker->slots.finished() ? 1 : 0;
}

PREFORK_API int prefork_worker_exit_status(const prefork_worker* worker) { return worker->slots.exit_code(); }

}  // extern "C"
