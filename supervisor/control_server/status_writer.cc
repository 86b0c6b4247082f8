#include "supervisor/control_server/status_writer.h"

#include <string>
#include <utility>
#include <vector>

#include "supervisor/system/clock.h"

namespace prefork {

void StatusWriter::request() {
  if (table_) again_ = true;  // its figures are older than this request
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
  table_.emplace(supervisor_.status(/*workers=*/true));
  write_next();
}

void StatusWriter::write_next() {
  std::vector<std::string> lines;
  const bool more = table_->add_next(lines);
  for (const std::string& line : lines) log_.write_line(line);
  if (more) return timer_.start(Duration::zero(), Callback::to<&StatusWriter::write_next>(*this));
  table_.reset();
  if (std::exchange(again_, false)) request();
}

}  // namespace prefork
