// A method bound to an object: two words, no allocation, nothing to destroy while it runs. With it an owner
// may even destroy itself inside its callback.
#pragma once

namespace prefork {

class Callback {
 public:
  Callback() = default;

  template <auto Method, typename T>
  static Callback to(T& object) {
    // An exception here has no one to go to; to end the program is meant.
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
