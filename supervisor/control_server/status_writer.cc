#include "supervisor/control_server/status_writer.h"

#include <string>

#include "supervisor/control/status.h"
#include "supervisor/system/clock.h"

namespace prefork {

void StatusWriter::request() {
  if (timer_.active()) return;
  const Duration passed = current_time() - last_;
  if (passed >= kInterval) return write();
  write_after(kInterval - passed);
}

void StatusWriter::adopt(Instant last, bool due) {
  last_ = last;
  if (due) write_after(kInterval);
}

void StatusWriter::write_after(Duration delay) {
  timer_.start(delay, Callback::to<&StatusWriter::write>(*this));
}

void StatusWriter::write() {
  last_ = current_time();
  for (const std::string& line : to_table(supervisor_.status())) log_.write_line(line);
}

}  // namespace prefork
