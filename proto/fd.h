// A file descriptor with exactly one owner. The only caller of close() in the project.
// It does not know what the descriptor refers to.
#pragma once

#include <utility>

#include "export.h"

namespace prefork {

class Fd {
 public:
  Fd() = default;
  /// Takes ownership of `descriptor`; a negative number means "none".
  explicit Fd(int descriptor) : descriptor_(descriptor) {}
  Fd(Fd&& other) noexcept : descriptor_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool valid() const { return descriptor_ >= 0; }
  /// Gives up ownership of the descriptor without closing it.
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }
  /// Closes the descriptor, if there is one, and takes ownership of `descriptor`.
  PREFORK_API void reset(int descriptor = -1);

 private:
  int descriptor_ = -1;
};

}  // namespace prefork
