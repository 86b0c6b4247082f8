#include "supervisor/pool/launch_table.h"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "supervisor/pool/accept_environment.h"
#include "supervisor/pool/node_environment.h"

namespace prefork {
namespace {

std::string to_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::vector<LaunchState> LaunchTable::state() const {
  std::vector<LaunchState> states;
  for (const auto& [generation, launches] : launches_) {
    states.push_back({generation, to_text(encode_request({}, launches.worker)),
                      to_text(encode_request({}, launches.fork_template))});
  }
  return states;
}

void LaunchTable::adopt(const std::vector<LaunchState>& states, const Launches& configured) {
  for (const LaunchState& state : states) {
    auto worker = decode_request(std::as_bytes(std::span(state.worker)));
    auto fork_template = decode_request(std::as_bytes(std::span(state.fork_template)));
    const bool known = worker && fork_template;
    if (known) {
      use_own_accept_library(worker->launch);
      use_own_node_module(worker->launch);
    }
    launches_[state.generation] =
        known ? Launches{std::move(worker->launch), std::move(fork_template->launch)} : configured;
  }
}

}  // namespace prefork
