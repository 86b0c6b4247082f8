#include "supervisor/state/upgrade_state.h"

#include <type_traits>
#include <utility>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {
namespace {

class Collector {
 public:
  template <typename T>
  void operator()(const char* /*name*/, const T& value) {
    if constexpr (std::is_same_v<T, Carried>) {
      if (value != Carried::kNone) found_.push_back(static_cast<int>(value));
    } else if constexpr (snapshot_detail::Listed<const T>) {
      T::visit_state(value, *this);
    }
  }
  template <typename T>
  void operator()(const char* name, const std::vector<T>& values) {
    for (const T& value : values) (*this)(name, value);
  }
  [[nodiscard]] std::vector<int> take() { return std::move(found_); }

 private:
  std::vector<int> found_;
};

}  // namespace

std::vector<int> descriptors_in(const SupervisorState& state) {
  Collector collector;
  SupervisorState::visit_state(state, collector);
  return collector.take();
}

std::vector<int> descriptors_in(const PoolState& state) {
  Collector collector;
  PoolState::visit_state(state, collector);
  return collector.take();
}

std::string encode_state(const SupervisorState& state) { return to_snapshot(state).cbor; }

Result<SupervisorState> decode_state(std::string_view bytes) {
  SupervisorState state;
  if (const std::string wrong = from_cbor(bytes, state); !wrong.empty())
    return Error{"the state is not understood: " + wrong};
  return state;
}

}  // namespace prefork
