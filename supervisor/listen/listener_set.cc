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
  for (const auto& old : present_) old->let_go();
  for (ListenSocket& socket : sockets) {
    const Listener* before = find(socket.address());
    Listener& added = add_to(listeners, std::move(socket));
    if (before != nullptr) added.count_from(before->accepted());
    added.set_accepting(accepting_);
  }
  std::swap(present_, listeners);
  for (auto& old : listeners) {
    old->retire();
    old_.push_back(std::move(old));
  }
}

void ListenerSet::set_accepting(bool accepting) {
  accepting_ = accepting;
  for (const auto& listener : present_) listener->set_accepting(accepting);
}

void ListenerSet::accept_backlog() {
  for (const auto& listener : present_) listener->accept_backlog();
  for (const auto& old : old_) old->end_retirement();
}

bool ListenerSet::retiring() const {
  return std::any_of(old_.begin(), old_.end(), [](const auto& listener) { return !listener->retired(); });
}

void ListenerSet::close() {
  for (const auto& old : old_) old->end_retirement();
  for (auto& listener : present_) old_.push_back(std::move(listener));
  present_.clear();
}

void ListenerSet::forget_retired() {
  std::erase_if(old_, [](const auto& listener) { return listener->retired(); });
}

void ListenerSet::vacate(const ListenAddress& address) {
  for (const auto& old : old_) {
    if (same_place(old->socket().address(), address)) old->end_retirement();
  }
  forget_retired();
}

Listener* ListenerSet::find(const ListenAddress& address) {
  for (const auto& listener : present_) {
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
  for (const auto& listener : present_) {
    const ListenSocket& socket = std::as_const(*listener).socket();
    states.push_back({Carried{socket.descriptor()}, socket.file(), listener->accepted(),
                      Carried{listener->unmoved().get()}});
  }
  return states;
}

void ListenerSet::adopt(const std::vector<ListenAddress>& addresses,
                        const std::vector<ListenerState>& states) {
  for (std::size_t i = 0; i < states.size() && i < addresses.size(); ++i) {
    Fd socket(static_cast<int>(states[i].socket));
    Listener& adopted =
        add_to(present_, ListenSocket::adopt(addresses[i], std::move(socket), states[i].file));
    adopted.count_from(states[i].accepted);
    adopted.adopt_unmoved(Fd(static_cast<int>(states[i].unmoved)));
  }
}

}  // namespace prefork
