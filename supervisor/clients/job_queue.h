// A queue of jobs that allocates nothing once it has grown. CloserThreads uses it, under its lock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "supervisor/clients/socket_job.h"

namespace prefork {

class JobQueue {
 public:
  [[nodiscard]] bool empty() const { return first_ == jobs_.size(); }
  void push(SocketJob job) { jobs_.push_back(std::move(job)); }
  [[nodiscard]] SocketJob pop() {
    SocketJob job = std::move(jobs_[first_++]);
    if (empty()) {
      jobs_.clear();
      first_ = 0;
    } else if (first_ >= kCompactAt) {
      jobs_.erase(jobs_.begin(), jobs_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    return job;
  }
  [[nodiscard]] bool concerns(int socket) const {
    return std::any_of(jobs_.begin() + static_cast<std::ptrdiff_t>(first_), jobs_.end(),
                       [socket](const SocketJob& job) { return job.socket == socket; });
  }

 private:
  static constexpr std::size_t kCompactAt = 1024;
  std::vector<SocketJob> jobs_;
  std::size_t first_ = 0;
};

}  // namespace prefork
