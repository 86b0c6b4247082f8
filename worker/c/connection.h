// What the opaque types of prefork_worker.h are.
#pragma once

#include <memory>
#include <optional>

#include "worker/c/prefork_worker.h"
#include "worker/connection.h"
#include "worker/slots.h"

/// A connection of prefork_worker_next() is `own`, and on the heap; that of a handler belongs to serve().
struct prefork_connection {
  std::optional<prefork::worker::Connection> own = {};
  prefork::worker::Connection* connection = nullptr;
};

struct prefork_worker {
  prefork::worker::Slots slots;
  /// For the next connection: a connection that is begun is lost if there is no memory for it.
  std::unique_ptr<prefork_connection> spare = {};
};
