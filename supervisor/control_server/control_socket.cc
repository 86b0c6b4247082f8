#include "supervisor/control_server/control_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "config/control_path.h"
#include "supervisor/system/clock.h"

namespace prefork {
namespace {

/// The credentials of the process at the other end; nothing if the kernel does not give them.
std::optional<ucred> peer_of(const Fd& socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return std::nullopt;
  return peer;
}

}  // namespace

ControlSocket::ControlSocket(const Loop& loop, Log& log, Operations& operations)
    : loop_(loop), log_(log), operations_(operations), turns_(loop), before_sleep_(loop) {
  before_sleep_.start(Callback::to<&ControlSocket::on_before_sleep>(*this));
}

void ControlSocket::listen(std::optional<ListenSocket> socket) {
  if (listener_) listener_->drain_backlog();
  listener_.reset();
  if (!socket) return;
  listener_.emplace(loop_, log_, any_, static_cast<Listener::Owner&>(*this), std::move(*socket), 0);
  listener_->set_accepting(true);
}

ControlState ControlSocket::state() const {
  ControlState state;
  state.last_event = history_.last();
  state.events = history_.lines();
  if (!listener_) return state;
  state.socket = Carried{listener_->socket().descriptor()};
  state.file = listener_->socket().file();
  return state;
}

void ControlSocket::adopt(const ControlState& state, const std::string& path) {
  history_.adopt(state.last_event, state.events);
  Fd socket(static_cast<int>(state.socket));
  if (!socket.valid() || path.empty()) return;
  listen(ListenSocket::adopt(control_address(path), std::move(socket), state.file));
}

std::string ControlSocket::path() const { return listener_ ? listener_->socket().address().path : ""; }

bool ControlSocket::file_stays() const {
  const std::string directory = path().substr(0, path().rfind('/'));
  return listener_ && !file_is_removed() &&
         ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0;
}

void ControlSocket::accepted(Fd socket, ClientAddress /*client*/, ListenerIndex /*listener*/,
                             bool /*proxied*/) {
  const auto peer = peer_of(socket);
  if (!peer || (peer->uid != 0 && peer->uid != ::geteuid())) {
    const std::string user = peer ? "user " + std::to_string(peer->uid) : "an unknown user";
    return refuse(socket, ControlError::kNotAllowed,
                  user + " may not control this supervisor; only root and user " +
                      std::to_string(::geteuid()) + " may");
  }
  const auto open = static_cast<std::size_t>(
      std::count_if(clients_.begin(), clients_.end(), [](const auto& client) { return !client->over(); }));
  if (open >= kMaxClients) {
    return refuse(socket, ControlError::kTooMany,
                  std::to_string(kMaxClients) + " clients are connected already; no more are allowed");
  }
  clients_.push_back(std::make_unique<ControlConnection>(services(), std::move(socket), all_rights_));
}

std::unique_ptr<ControlConnection> ControlSocket::make_link(Fd socket, const Rights& rights) {
  return std::make_unique<ControlConnection>(services(), std::move(socket), rights);
}

void ControlSocket::refuse(const Fd& socket, ControlError code, const std::string& why) {
  const std::string line = refusal(code, why);
  (void)::send(socket.get(), line.data(), line.size(),
               MSG_DONTWAIT | MSG_NOSIGNAL);  // the socket is closed whether the client reads this or not
  const Instant now = current_time();
  if (last_warning_ && now - *last_warning_ < kWarningInterval) return;
  last_warning_ = now;
  log_.warn("control socket: a client is refused: {}", why);
}

void ControlSocket::publish(ControlEvent event) {
  if (!listener_ && clients_.empty() && link_ == nullptr) return;
  const std::string& line = history_.add(std::move(event), std::chrono::system_clock::now());
  for (const auto& client : clients_) {
    if (client->subscribed()) client->send_event(line);
  }
  if (link_ != nullptr && link_->subscribed()) link_->send_event(line);
}

void ControlSocket::reload_ended(std::uint64_t round, const ReloadVerdict& verdict) {
  publish(control_event::Reloaded{verdict});
  for (const auto& client : clients_) client->reload_ended(round, verdict);
  if (link_ != nullptr) link_->reload_ended(round, verdict);
}

void ControlSocket::on_before_sleep() {
  std::erase_if(clients_, [](const auto& client) { return client->over(); });
}

}  // namespace prefork
