// The function that an interposed one stands before: the C library's, or that of a library preloaded behind
// this one.
#pragma once

#include <atomic>

namespace prefork::accept {

[[nodiscard]] void* find_next(const char* name);

template <typename Function>
class NextFunction {
 public:
  explicit constexpr NextFunction(const char* name) : name_(name) {}
  [[nodiscard]] Function* get() {
    Function* found = found_.load(std::memory_order_relaxed);
    if (__builtin_expect(found == nullptr, 0)) {
      found = reinterpret_cast<Function*>(find_next(name_));
      found_.store(found, std::memory_order_relaxed);
    }
    return found;
  }
  template <typename... Arguments>
  auto operator()(Arguments... arguments) {
    return get()(arguments...);
  }

 private:
  const char* name_;
  std::atomic<Function*> found_ = nullptr;
};

}  // namespace prefork::accept

/// Declares `interposed_NAME`, which the program calls as NAME.
#define PREFORK_INTERPOSE(result, name, ...) \
  extern "C" __attribute__((visibility("default"))) result interposed_##name(__VA_ARGS__) __asm__(#name)
