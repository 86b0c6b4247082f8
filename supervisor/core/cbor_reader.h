// Reads CBOR (RFC 8949) item by item, from bytes that it does not copy. Never reads beyond them, whatever
// they say. snapshot_reader.h turns it into values.
//
// A read that returns false leaves the reader where it was when the item is of another kind. When the bytes
// are not CBOR or end too early, everything returns false from then on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace prefork {

class CborReader {
 public:
  /// Containers within containers; deeper ones are not CBOR to this reader.
  static constexpr unsigned kMaxDepth = 64;

  explicit CborReader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool integer(std::int64_t& value);
  [[nodiscard]] bool real(double& value);
  /// Points into the bytes.
  [[nodiscard]] bool text(std::string_view& value);
  [[nodiscard]] bool null();

  /// The items of a list, or the pairs of a map, that have not been read yet.
  struct Items {
    std::uint64_t left = 0;
    bool endless = false;  ///< until an end mark
  };
  [[nodiscard]] bool begin_list(Items& items);
  [[nodiscard]] bool begin_map(Items& pairs);
  /// Whether one more follows. Takes the end mark.
  [[nodiscard]] bool next(Items& items);

  /// Passes over one whole item.
  [[nodiscard]] bool skip(unsigned depth = 0);

  /// False when the bytes read so far are not CBOR.
  [[nodiscard]] bool sound() const { return sound_; }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::size_t position() const { return at_; }
  void go_to(std::size_t position) { at_ = position; }
  [[nodiscard]] std::size_t rest() const { return bytes_.size() - at_; }
  /// The bytes from `begin` to the present position.
  [[nodiscard]] std::string_view since(std::size_t begin) const { return bytes_.substr(begin, at_ - begin); }

 private:
  struct Head {
    unsigned major = 0;
    unsigned info = 0;        ///< the lower five bits
    std::uint64_t value = 0;  ///< kEndless: none
  };
  static constexpr unsigned kEndless = 31;

  [[nodiscard]] bool broken() { return sound_ = false; }
  /// The next item's head, without taking it. `size` is its length.
  [[nodiscard]] bool peek(Head& head, std::size_t& size);
  [[nodiscard]] bool begin(unsigned major, Items& items);
  [[nodiscard]] bool skip_bytes(const Head& head, unsigned depth);
  [[nodiscard]] bool skip_items(const Head& head, unsigned depth);

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool sound_ = true;
};

}  // namespace prefork
