// A method bound to an object: two words, no allocation. Nothing of it is destroyed while it runs, so an
// owner may destroy itself inside its own callback.
#pragma once

namespace prefork {

class Callback {
 public:
  Callback() = default;

  template <auto Method, typename T>
  static Callback to(T& object) {
    // No caller can handle an exception here: it ends the program, on purpose.
    // NOLINTNEXTLINE(bugprone-exception-escape)
    return Callback(&object, [](void* self) noexcept { (static_cast<T*>(self)->*Method)(); });
  }

  void operator()() const noexcept {
    if (call_ != nullptr) call_(object_);
  }

 private:
  using Function = void (*)(void*) noexcept;
  Callback(void* object, Function call) : object_(object), call_(call) {}

  void* object_ = nullptr;
  Function call_ = nullptr;
};

}  // namespace prefork
