#include "supervisor/clients/lingering_close.h"

#include <sys/epoll.h>

#include <array>

#include "supervisor/system/clock.h"

namespace prefork {
namespace {

/// One report, until the next call with EPOLL_CTL_MOD: meanwhile the Closer discards what has arrived.
bool watch(const Fd& epoll, int operation, int socket, std::uint64_t number) {
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data = {.u64 = number}};
  return epoll.valid() && ::epoll_ctl(epoll.get(), operation, socket, &event) == 0;
}

}  // namespace

LingeringClose::LingeringClose(const Loop& loop, Closer& closer, std::uint64_t owner)
    : closer_(closer), owner_(owner), watcher_(loop), timer_(loop) {
  open();
}

void LingeringClose::open() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.valid()) watcher_.start(epoll_.get(), Callback::to<&LingeringClose::on_readable>(*this));
}

SocketJob LingeringClose::job_for(What what, const Pending& pending) const {
  return {.what = what,
          .socket = pending.socket.get(),
          .owner = owner_,
          .ticket = pending.ticket,
          .worker = pending.worker};
}

void LingeringClose::start(Fd socket, std::string_view reply, Ticket ticket, WorkerId worker) {
  Pending pending{std::move(socket), ticket, worker};
  SocketJob answer = job_for(What::kAnswer, pending);
  answer.reply = reply;
  closer_.submit(std::move(answer));
  await_client_close(std::move(pending), current_time() + kTimeout);
}

void LingeringClose::await_client_close(Pending pending, Instant deadline) {
  if (sockets_.size() >= kMaxPending) close(deadlines_.front().second);
  if (!epoll_.valid()) open();  // no descriptor was free for it
  const Number number = ++last_;
  const bool watched = watch(epoll_, EPOLL_CTL_ADD, pending.socket.get(), number);
  sockets_.emplace(number, std::move(pending));
  deadlines_.emplace_back(deadline, number);
  if (!watched) return close(number);
  if (!timer_.active())
    timer_.start(deadline - current_time(), Callback::to<&LingeringClose::on_timer>(*this));
}

std::vector<LingeringCloseState> LingeringClose::state() const {
  std::vector<LingeringCloseState> all;
  for (const auto& [deadline, number] : deadlines_) {
    const auto found = sockets_.find(number);
    if (found == sockets_.end()) continue;
    const Pending& pending = found->second;
    all.push_back({Carried{pending.socket.get()}, deadline, pending.ticket, pending.worker});
  }
  return all;
}

void LingeringClose::adopt(const std::vector<LingeringCloseState>& state) {
  for (const LingeringCloseState& one : state)
    await_client_close({Fd(static_cast<int>(one.socket)), one.ticket, one.worker}, one.deadline);
}

void LingeringClose::on_readable() {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const Number number = events[static_cast<std::size_t>(i)].data.u64;
    const auto found = sockets_.find(number);
    if (found == sockets_.end()) continue;
    SocketJob job = job_for(What::kDiscard, found->second);
    job.number = number;
    closer_.submit(std::move(job));
  }
}

void LingeringClose::done(const SocketJob& job) {
  const auto found = sockets_.find(job.number);
  if (job.what != What::kDiscard || found == sockets_.end()) return;
  if (job.ended || !watch(epoll_, EPOLL_CTL_MOD, found->second.socket.get(), job.number)) close(job.number);
}

void LingeringClose::on_timer() {
  const Instant now = current_time();
  while (!deadlines_.empty() && deadlines_.front().first <= now) close(deadlines_.front().second);
  if (!deadlines_.empty())
    timer_.start(deadlines_.front().first - now, Callback::to<&LingeringClose::on_timer>(*this));
}

void LingeringClose::close(Number number) {
  std::erase_if(deadlines_, [number](const auto& entry) { return entry.second == number; });
  const auto found = sockets_.find(number);
  if (found == sockets_.end()) return;
  // Removed from the epoll first: while a worker holds a copy of the socket, the epoll would go on reporting
  // it.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.socket.get(), nullptr);
  SocketJob job = job_for(What::kClose, found->second);
  (void)found->second.socket.release();
  closer_.submit(std::move(job));
  sockets_.erase(found);
}

}  // namespace prefork
