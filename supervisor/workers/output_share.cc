#include "supervisor/workers/output_share.h"

#include <algorithm>

#include "supervisor/system/clock.h"

namespace prefork {

bool OutputShare::request(Reader& reader) {
  if (waiting_.empty() && available()) {
    read(reader);
    return true;
  }
  waiting_.push_back(&reader);
  if (!timer_.active()) timer_.start(share_.wait(), Callback::to<&OutputShare::serve>(*this));
  return false;
}

void OutputShare::forget(const Reader& reader) { std::erase(waiting_, &reader); }

void OutputShare::serve() {
  while (!waiting_.empty() && available()) {
    Reader& reader = *waiting_.front();
    waiting_.pop_front();
    read(reader);
  }
  if (!waiting_.empty()) timer_.start(share_.wait(), Callback::to<&OutputShare::serve>(*this));
}

void OutputShare::read(Reader& reader) {
  const Duration before = processor_time();
  reader.read_output();
  share_.spent(processor_time() - before);
}

}  // namespace prefork
