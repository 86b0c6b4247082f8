#include "tests/fuzz/control_property.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/control/methods.h"
#include "supervisor/control/request_lines.h"

namespace prefork::test {
namespace {

/// What an answer may have beside what the request said itself.
constexpr std::size_t kOwnWords = 4096;

/// One pool, and answers that repeat what they were told.
class Desk final : public Operations, public Caller {
 public:
  SupervisorStatus status(bool /*workers*/) const override {
    SupervisorStatus status;
    status.pools.emplace_back();
    status.pools.back().workers.emplace_back();
    return status;
  }
  Result<WorkerStatusLine> worker(const std::string& pool, std::uint64_t /*number*/) const override {
    const auto found = named(pool);
    if (!found) return found.error();
    return WorkerStatusLine();
  }
  Result<std::uint64_t> reload() override { return 1; }
  void await_reload(std::uint64_t /*round*/, const std::string& id) override {
    late_ = reload_answer(id, {false, {}, {"pool.json: a mistake"}});
  }
  /// The answer that the last request awaits; empty if it awaits none.
  [[nodiscard]] std::string take_late_answer() { return std::exchange(late_, {}); }
  Result<Restarted> restart(const PoolName& pool) override {
    const auto found = named(pool);
    if (!found) return found.error();
    return Restarted{found.value(), {}};
  }
  Result<Scaled> scale(const PoolName& pool, std::size_t workers) override {
    const auto found = named(pool);
    if (!found) return found.error();
    return Scaled{found.value().front(), 4, workers};
  }
  Result<PoolNames> reset_failed(const PoolName& pool) override { return named(pool); }
  Result<void> upgrade() override { return Error{"another upgrade is under way"}; }
  void stop(bool /*quick*/) override {}
  std::uint64_t subscribe(std::optional<std::uint64_t> since) override { return since.value_or(17); }
  [[nodiscard]] const Rights& rights() const override { return rights_; }
  void requests(const std::string& /*action*/, const std::string& /*client*/,
                std::string_view /*denied*/) override {}

 private:
  static Result<PoolNames> named(const PoolName& pool) {
    if (pool.value_or("main") != "main") return Error{"there is no pool \"" + *pool + "\"; there are main"};
    return PoolNames{"main"};
  }

  std::string late_;
  Rights rights_;
};

std::string broken_form(const std::string& line, const std::string& reply) {
  if (reply.empty()) return "";  // nobody wanted one
  if (reply.find('\n') != reply.size() - 1) return "an answer is not one line";
  if (reply.size() > line.size() + kOwnWords) return "an answer is much longer than its request";
  const auto whole = nlohmann::json::parse(reply, nullptr, /*allow_exceptions=*/false);
  if (!whole.is_object() || whole.value("jsonrpc", "") != "2.0" || !whole.contains("id"))
    return "an answer is no JSON-RPC";
  if (whole.contains("result") == whole.contains("error")) return "an answer has a result or an error";
  return "";
}

struct Answers {
  std::vector<std::string> replies;
  bool refused = false;  ///< a line was too long
  std::string broken;
};

/// What comes of `bytes` when they are read in pieces of that size.
Answers answers_to(std::string_view bytes, std::size_t piece) {
  Answers answers;
  Desk desk;
  RequestLines lines;
  while (!answers.refused && !bytes.empty()) {
    lines.append(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (const auto line = lines.take()) {
      if (line->size() > RequestLines::kMaxLine) answers.broken = "a line that is too long was taken";
      Answer all = answer(*line, desk, desk);
      std::string& reply = answers.replies.emplace_back();
      while (all.add_next(reply)) {
      }
      reply += desk.take_late_answer();
      if (answers.broken.empty()) answers.broken = broken_form(*line, answers.replies.back());
    }
    answers.refused = lines.too_long();
  }
  return answers;
}

}  // namespace

std::string broken_answer(std::string_view bytes) {
  constexpr std::size_t kPieceOfConnection = 4096;
  const Answers whole = answers_to(bytes, kPieceOfConnection);
  if (!whole.broken.empty()) return whole.broken;
  const std::size_t piece = 1 + (bytes.empty() ? 0 : static_cast<unsigned char>(bytes.back()));
  const Answers pieces = answers_to(bytes, piece);
  if (whole.replies != pieces.replies || whole.refused != pieces.refused)
    return "it matters in which pieces a request is read";
  return "";
}

}  // namespace prefork::test
