#include "supervisor/listen/listener_set.h"

#include <algorithm>
#include <utility>

#include "proto/fd.h"

namespace prefork {

Listener& ListenerSet::add_to(Listeners& listeners, ListenSocket socket) {
  const auto index = static_cast<ListenerIndex>(listeners.size());
  listeners.push_back(std::make_unique<Listener>(loop_, log_, clients_, owner_, std::move(socket), index));
  return *listeners.back();
}

void ListenerSet::replace(std::vector<ListenSocket> sockets) {
  Listeners listeners;
  for (const auto& old : configured_) old->hand_over_waiting();
  for (ListenSocket& socket : sockets) {
    const Listener* before = find(socket.address());
    Listener& added = add_to(listeners, std::move(socket));
    if (before != nullptr) added.count_from(before->accepted());
    added.set_accepting(accepting_);
  }
  std::swap(configured_, listeners);
  for (auto& old : listeners) {
    old->drain();
    draining_.push_back(std::move(old));
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
    if (same_place(old->socket().address(), address)) old->end_drain();
  }
  destroy_drained();
}

Listener* ListenerSet::find(const ListenAddress& address) {
  for (const auto& listener : configured_) {
    if (same_place(listener->socket().address(), address)) return listener.get();
  }
  return nullptr;
}

ListenSocket* ListenerSet::socket_at(const ListenAddress& address) {
  Listener* listener = find(address);
  return listener == nullptr ? nullptr : &listener->socket();
}

std::vector<ListenerState> ListenerSet::state() const {
  std::vector<ListenerState> states;
  for (const auto& listener : configured_) {
    const ListenSocket& socket = std::as_const(*listener).socket();
    states.push_back({Carried{socket.descriptor()}, socket.file(), listener->accepted(),
                      Carried{listener->waiting().get()}});
  }
  return states;
}

void ListenerSet::adopt(const std::vector<ListenAddress>& addresses,
                        const std::vector<ListenerState>& states) {
  for (std::size_t i = 0; i < states.size() && i < addresses.size(); ++i) {
    Fd socket(static_cast<int>(states[i].socket));
    Listener& adopted =
        add_to(configured_, ListenSocket::adopt(addresses[i], std::move(socket), states[i].file));
    adopted.count_from(states[i].accepted);
    adopted.adopt_waiting(Fd(static_cast<int>(states[i].waiting)));
  }
}

}  // namespace prefork
