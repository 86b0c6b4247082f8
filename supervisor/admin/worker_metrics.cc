#include "supervisor/admin/worker_metrics.h"

#include <array>
#include <string>
#include <vector>

#include "supervisor/admin/present_pools.h"

namespace prefork {
namespace {

struct WorkerFigure {
  const char* name;
  MetricsWriter::Kind kind;
  const char* key;
  double unit;  ///< one of the member's units, in that of the metric
  const char* help;
};

constexpr std::array kWorkerFigures = {
    WorkerFigure{"supervisor_worker_load_connections", MetricsWriter::Kind::kGauge, "load", 1,
                 "Connections that the worker has."},
    WorkerFigure{"supervisor_worker_slots", MetricsWriter::Kind::kGauge, "slots", 1, "Slots of the worker."},
    WorkerFigure{"supervisor_worker_reported_load_ratio", MetricsWriter::Kind::kGauge, "reported_load", 0.001,
                 "The load that the worker reports, 0 to 1."},
    WorkerFigure{"supervisor_worker_served_connections", MetricsWriter::Kind::kCounter, "served", 1,
                 "Connections and requests that the worker has served."},
    WorkerFigure{"supervisor_worker_age_seconds", MetricsWriter::Kind::kGauge, "age_ms", 0.001,
                 "Age of the worker."},
    WorkerFigure{"supervisor_worker_in_state_seconds", MetricsWriter::Kind::kGauge, "in_state_ms", 0.001,
                 "How long the worker has been in its state."},
};

}  // namespace

void add_worker_metrics(const Json& status, MetricsWriter& out) {
  const std::vector<const Json*> pools = present_pools(status);
  const auto for_each = [&](const auto& write) {
    for (const Json* pool : pools) {
      const std::string name = text(*pool, "name");
      for (const Json& worker : member(*pool, "workers"))
        write(worker, name, metric_number(number(worker, "worker")));
    }
  };
  for (const WorkerFigure& figure : kWorkerFigures) {
    out.begin(figure.name, figure.kind, figure.help);
    for_each([&](const Json& worker, const std::string& pool, const std::string& label) {
      out.sample({{"pool", pool}, {"worker", label}}, number(worker, figure.key) * figure.unit);
    });
  }
  out.begin("supervisor_worker_state", MetricsWriter::Kind::kGauge, "1: the state that the worker is in.");
  for_each([&](const Json& worker, const std::string& pool, const std::string& label) {
    out.sample({{"pool", pool}, {"worker", label}, {"state", text(worker, "state")}}, 1);
  });
}

}  // namespace prefork
