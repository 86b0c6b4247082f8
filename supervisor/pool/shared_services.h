// What all pools of the supervisor share. Supervisor owns the parts; they outlive the pools.
#pragma once

#include "proto/channel.h"
#include "supervisor/clients/closer.h"
#include "supervisor/control/control_event.h"
#include "supervisor/loop/callback.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/shared_turns.h"
#include "supervisor/system/client_descriptors.h"
#include "supervisor/system/oom_counter.h"
#include "supervisor/workers/child_table.h"
#include "supervisor/workers/spawner_link.h"

namespace prefork {

struct SharedServices {
  const Loop& loop;
  Log& log;
  SpawnerLink& spawner;
  const ClientDescriptors& client_descriptors;
  Datagram& datagram;
  EventSink& events;
  OomCounter& oom;
  ChildTable& children;
  SharedTurns& output;
  SharedTurns& deaths;
  Closer& closer;
  Callback out_of_descriptors;  ///< a listener needs a client descriptor: the pools free some
};

}  // namespace prefork
