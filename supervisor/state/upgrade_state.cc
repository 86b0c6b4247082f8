#include "supervisor/state/upgrade_state.h"

#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "supervisor/core/snapshot_reader.h"
#include "supervisor/core/snapshot_writer.h"

namespace prefork {
namespace {

using Document = nlohmann::ordered_json;

Document to_document(const Snapshot& snapshot) {
  return std::visit(
      [](const auto& value) -> Document {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nullptr;
        } else if constexpr (std::is_same_v<T, Snapshot::List>) {
          Document list = Document::array();
          for (const Snapshot& item : value) list.push_back(to_document(item));
          return list;
        } else if constexpr (std::is_same_v<T, Snapshot::Object>) {
          Document object = Document::object();
          for (std::size_t i = 0; i < value.names.size(); ++i) {
            object[value.names[i]] = to_document(value.values[i]);
          }
          return object;
        } else {
          return value;
        }
      },
      snapshot.value);
}

Snapshot to_snapshot_tree(const Document& document) {
  if (document.is_number_float()) return {document.get<double>()};
  if (document.is_number()) return {document.get<std::int64_t>()};
  if (document.is_string()) return {document.get<std::string>()};
  if (document.is_array()) {
    Snapshot::List list;
    list.reserve(document.size());
    for (const Document& item : document) list.push_back(to_snapshot_tree(item));
    return {std::move(list)};
  }
  if (document.is_object()) {
    Snapshot::Object object;
    for (const auto& [name, value] : document.items()) {
      object.names.push_back(name);
      object.values.push_back(to_snapshot_tree(value));
    }
    return {std::move(object)};
  }
  return {};
}

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

// CBOR: half the size of text, and strings may hold any bytes.
std::string encode_state(const SupervisorState& state) {
  std::string bytes;
  Document::to_cbor(to_document(to_snapshot(state)), bytes);
  return bytes;
}

Result<SupervisorState> decode_state(const std::string& bytes) {
  const Document document = Document::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  if (document.is_discarded()) return Error{"the state is not CBOR"};
  SupervisorState state;
  if (const std::string wrong = from_snapshot(to_snapshot_tree(document), state); !wrong.empty()) {
    return Error{"the state is not understood: " + wrong};
  }
  return state;
}

}  // namespace prefork
