#include "worker/classic.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "proto/export.h"
#include "proto/wire.h"
#include "worker/attach.h"
#include "worker/template.h"

PREFORK_API void prefork_fork_workers() {
  using namespace prefork;          // NOLINT(google-build-using-namespace)
  using namespace prefork::worker;  // NOLINT(google-build-using-namespace)
  if (!is_template()) return;
  std::optional<Channel> channel = channel_of_environment();
  if (!channel) std::exit(2);
  const TemplateEnd end = run_template(std::move(*channel));
  if (!end.worker) std::exit(end.exit_code);
  if (::dup2(end.worker->descriptor(), kClassicDescriptor) < 0) {
    std::perror("worker: dup2");
    ::_exit(1);
  }
  (void)::unsetenv(kChannelVariable);
  (void)::unsetenv(kSlotsVariable);
}
