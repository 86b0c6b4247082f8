#include "supervisor/listen/listener_set.h"

#include <algorithm>
#include <cstdint>
#include <set>
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

Listener& ListenerSet::add_to(Listeners& listeners, ListenSocket socket, ListenerIndex index) {
  listeners.push_back(std::make_unique<Listener>(loop_, log_, clients_, owner_, std::move(socket), index));
  return *listeners.back();
}

std::vector<const Listener*> ListenerSet::continued_by(const std::vector<ListenSocket>& sockets) const {
  // Each is continued once at most: several may be at port 0.
  std::vector<const Listener*> before;
  for (const auto& old : configured_) before.push_back(old.get());
  std::vector<const Listener*> continued;
  for (const ListenSocket& socket : sockets) {
    const auto same = std::find_if(before.begin(), before.end(), [&socket](const Listener* old) {
      return same_socket(old->socket().address(), socket.address());
    });
    continued.push_back(same == before.end() ? nullptr : *same);
    if (same != before.end()) before.erase(same);
  }
  return continued;
}

std::vector<ListenerIndex> ListenerSet::indices_of(const std::vector<ListenSocket>& sockets,
                                                   Numbering numbering) const {
  std::vector<ListenerIndex> indices;
  if (numbering == Numbering::kByConfiguration) {
    for (const ListenSocket& socket : sockets) indices.push_back(socket.entry());
    return indices;
  }
  const std::vector<const Listener*> continued = continued_by(sockets);
  std::set<ListenerIndex> used;
  std::vector<bool> keeps;
  for (const Listener* old : continued) keeps.push_back(old != nullptr && used.insert(old->index()).second);
  ListenerIndex next = 0;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    // A new one gets the lowest that is free: it may take the place of one that is gone.
    while (!keeps[i] && !used.insert(next).second) ++next;
    indices.push_back(keeps[i] ? continued[i]->index() : next);
  }
  return indices;
}

std::vector<ListenTarget> ListenerSet::targets_after(const std::vector<ListenSocket>& sockets,
                                                     Numbering numbering) const {
  const std::vector<ListenerIndex> indices = indices_of(sockets, numbering);
  std::vector<ListenTarget> targets;
  for (std::size_t i = 0; i < sockets.size(); ++i)
    targets.push_back({indices[i], bound_address(sockets[i].descriptor())});
  return targets;
}

std::vector<ListenTarget> ListenerSet::targets() const {
  std::vector<ListenTarget> targets;
  for (const auto& listener : configured_) {
    const ListenSocket& socket = std::as_const(*listener).socket();
    targets.push_back({listener->index(), bound_address(socket.descriptor())});
  }
  return targets;
}

void ListenerSet::replace(std::vector<ListenSocket> sockets, Numbering numbering) {
  Listeners listeners;
  for (const auto& old : configured_) old->hand_over_waiting();
  const std::vector<ListenerIndex> indices = indices_of(sockets, numbering);
  const std::vector<const Listener*> continued = continued_by(sockets);
  std::vector<Listener*> added;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    added.push_back(&add_to(listeners, std::move(sockets[i]), indices[i]));
    added.back()->set_accepting(accepting_);
  }
  std::swap(configured_, listeners);
  for (auto& old : listeners) {
    old->drain();
    draining_.push_back(std::move(old));
  }
  // With what the old one has accepted while it drained: one whose file was gone is not given away.
  for (std::size_t i = 0; i < continued.size(); ++i) {
    if (continued[i] != nullptr) added[i]->count_from(continued[i]->accepted());
  }
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
                      Carried{listener->waiting().get()}, socket.entry(), listener->index()});
  }
  return states;
}

void ListenerSet::adopt(const std::vector<ListenAddress>& addresses,
                        const std::vector<ListenerState>& states) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    auto socket = adopt_socket(addresses, states[i], i);
    if (!socket) continue;
    const ListenerIndex index = states[i].index.value_or(socket->entry());
    Listener& adopted = add_to(configured_, std::move(*socket), index);
    adopted.count_from(states[i].accepted);
    adopted.adopt_waiting(Fd(static_cast<int>(states[i].waiting)));
  }
}

}  // namespace prefork
