#include "worker/notify/listeners.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "worker/notify/program.h"

namespace prefork::notify {
namespace {

bool watch(int queue, int descriptor) {
  epoll_event readable{.events = EPOLLIN, .data = {.fd = descriptor}};
  return ::epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &readable) == 0;
}

}  // namespace

Listener::Listener(std::uint32_t index, int channel)
    : index_(index), queue_(::epoll_create1(EPOLL_CLOEXEC)), bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (valid() && !(watch(queue_.get(), channel) && watch(queue_.get(), bell_.get()))) queue_.reset();
}

bool Listener::is_blocking() const { return (::fcntl(queue_.get(), F_GETFL) & O_NONBLOCK) == 0; }

void Listener::set_blocking(bool blocking) const {
  (void)::fcntl(queue_.get(), F_SETFL, O_RDWR | (blocking ? 0 : O_NONBLOCK));
}

void Listener::ring() {
  rings_ = true;
  (void)::eventfd_write(bell_.get(), 1);
}

void Listener::keep(Connection connection) {
  kept_.push_back(std::move(connection));
  ring();
}

Connection Listener::take_kept() {
  Connection first;
  if (!kept_.empty()) {
    first = std::move(kept_.front());
    kept_.pop_front();
  }
  if (rings_ && kept_.empty()) {
    eventfd_t count = 0;
    (void)::eventfd_read(bell_.get(), &count);
    rings_ = false;
  }
  return first;
}

void Listener::leave_channel(int channel) const {
  (void)::epoll_ctl(queue_.get(), EPOLL_CTL_DEL, channel, nullptr);
}

Listener* Listeners::for_address(const accept::Address& bound, bool v6_only) {
  const accept::PoolAddress* best = nullptr;
  accept::Match best_match = accept::Match::kNone;
  for (std::size_t i = 0; i < settings_.addresses; ++i) {
    const accept::Match found = accept::match(bound, v6_only, settings_.address[i].address);
    if (found <= best_match) continue;
    best = &settings_.address[i];
    best_match = found;
  }
  if (best == nullptr) return nullptr;
  if (Listener* known = with_index(best->index); known != nullptr) return known;
  auto made = std::make_unique<Listener>(best->index, channel_);
  if (!made->valid()) return nullptr;
  listeners_.push_back(std::move(made));
  return listeners_.back().get();
}

void Listeners::bind(std::uint32_t descriptor, Listener& listener, const accept::Address& address) {
  bound_[descriptor] = {&listener, address};
}

const BoundListener* Listeners::find(std::uint32_t descriptor) const {
  const auto found = bound_.find(descriptor);
  return found == bound_.end() ? nullptr : &found->second;
}

void Listeners::look_again(pid_t program) {
  std::erase_if(bound_, [program](const auto& one) { return !has_queue(program, one.first); });
}

Listener* Listeners::with_index(std::uint32_t index) {
  for (const auto& listener : listeners_) {
    if (listener->index() == index) return listener.get();
  }
  return nullptr;
}

std::size_t Listeners::kept() const {
  std::size_t sum = 0;
  for (const auto& listener : listeners_) sum += listener->kept();
  return sum;
}

void Listeners::leave_channel() {
  for (const auto& listener : listeners_) listener->leave_channel(channel_);
}

}  // namespace prefork::notify
