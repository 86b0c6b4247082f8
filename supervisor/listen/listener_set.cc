#include "supervisor/listen/listener_set.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "proto/fd.h"

namespace prefork {

std::size_t entry_of(const ListenerState& state, std::size_t position) {
  return state.entry.value_or(static_cast<std::uint32_t>(position));
}

std::optional<ListenSocket> adopt_socket(const std::vector<ListenAddress>& addresses,
                                         const ListenerState& state, std::size_t position) {
  const std::size_t entry = entry_of(state, position);
  if (entry >= addresses.size()) return std::nullopt;
  ListenSocket socket = ListenSocket::adopt(addresses[entry], Fd(static_cast<int>(state.socket)), state.file);
  socket.set_entry(static_cast<ListenerIndex>(entry));
  return socket;
}

Listener& ListenerSet::add_to(Listeners& listeners, ListenSocket socket) {
  const ListenerIndex index = socket.entry();
  listeners.push_back(std::make_unique<Listener>(loop_, log_, clients_, owner_, std::move(socket), index));
  return *listeners.back();
}

void ListenerSet::replace(std::vector<ListenSocket> sockets) {
  Listeners listeners;
  for (const auto& old : configured_) old->hand_over_waiting();
  // Each is continued once at most: several may be at port 0.
  std::vector<const Listener*> before;
  for (const auto& old : configured_) before.push_back(old.get());
  std::vector<std::pair<Listener*, const Listener*>> continued;
  for (ListenSocket& socket : sockets) {
    const auto same = std::find_if(before.begin(), before.end(), [&socket](const Listener* old) {
      return same_socket(old->socket().address(), socket.address());
    });
    Listener& added = add_to(listeners, std::move(socket));
    if (same != before.end()) {
      continued.emplace_back(&added, *same);
      before.erase(same);
    }
    added.set_accepting(accepting_);
  }
  std::swap(configured_, listeners);
  for (auto& old : listeners) {
    old->drain();
    draining_.push_back(std::move(old));
  }
  // With what the old one has accepted while it drained: one whose file was gone is not given away.
  for (const auto& [added, old] : continued) added->count_from(old->accepted());
}

void ListenerSet::set_accepting(bool accepting) {
  accepting_ = accepting;
  for (const auto& listener : configured_) listener->set_accepting(accepting);
}

bool ListenerSet::drain_backlogs() {
  bool emptied = true;
  for (const auto& listener : configured_) emptied = listener->drain_backlog() && emptied;
  for (const auto& old : draining_) old->end_drain();
  return emptied && !draining();
}

bool ListenerSet::draining() const {
  return std::any_of(draining_.begin(), draining_.end(),
                     [](const auto& listener) { return !listener->drained(); });
}

void ListenerSet::close() {
  for (const auto& old : draining_) old->end_drain();
  for (auto& listener : configured_) draining_.push_back(std::move(listener));
  configured_.clear();
}

void ListenerSet::destroy_drained() {
  std::erase_if(draining_, [](const auto& listener) { return listener->drained(); });
}

void ListenerSet::end_drain_at(const ListenAddress& address) {
  for (const auto& old : draining_) {
    if (same_socket(old->socket().address(), address)) old->end_drain();
  }
  destroy_drained();
}

std::vector<ListenerState> ListenerSet::state() const {
  std::vector<ListenerState> states;
  for (const auto& listener : configured_) {
    const ListenSocket& socket = std::as_const(*listener).socket();
    states.push_back({Carried{socket.descriptor()}, socket.file(), listener->accepted(),
                      Carried{listener->waiting().get()}, socket.entry()});
  }
  return states;
}

void ListenerSet::adopt(const std::vector<ListenAddress>& addresses,
                        const std::vector<ListenerState>& states) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    auto socket = adopt_socket(addresses, states[i], i);
    if (!socket) continue;
    Listener& adopted = add_to(configured_, std::move(*socket));
    adopted.count_from(states[i].accepted);
    adopted.adopt_waiting(Fd(static_cast<int>(states[i].waiting)));
  }
}

}  // namespace prefork
