// The function that an interposed one stands before: the C library's, or that of a library preloaded behind
// this one. All are looked up at the start, because a lookup may lock and allocate; one that is called before
// the start, by another library's constructor, is looked up then.
#pragma once

#include <atomic>

namespace prefork::accept {

class NextSymbol {
 public:
  explicit constexpr NextSymbol(const char* name) : name_(name) {}
  void* find();

 protected:
  [[nodiscard]] void* found() const { return found_.load(std::memory_order_relaxed); }

 private:
  const char* name_;
  std::atomic<void*> found_ = nullptr;
};

template <typename Function>
class NextFunction : public NextSymbol {
 public:
  using NextSymbol::NextSymbol;
  template <typename... Arguments>
  auto operator()(Arguments... arguments) {
    void* function = found();
    if (__builtin_expect(function == nullptr, 0)) function = find();
    return reinterpret_cast<Function*>(function)(arguments...);
  }
};

/// Looks up all functions that are declared with PREFORK_NEXT.
void find_next_functions();

}  // namespace prefork::accept

/// Declares `next_NAME`, of the type that follows.
#define PREFORK_NEXT(name, ...) \
  constinit NextFunction<__VA_ARGS__> next_##name __attribute__((section("prefork_next"), used)) (#name)

/// Declares `interposed_NAME`, which the program calls as NAME.
#define PREFORK_INTERPOSE(result, name, ...) \
  extern "C" __attribute__((visibility("default"))) result interposed_##name(__VA_ARGS__) __asm__(#name)
