#include "supervisor/admin_process/admin_sockets.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "supervisor/admin_process/admin_launch.h"

namespace prefork {
namespace {

/// True: one of them was not in force before.
bool take_over(OpenedSockets opened, const char* key, std::vector<ListenSocket>& into, Log& log) {
  bool any_new = false;
  for (OpenedSocket& one : opened) {
    if (one.running == nullptr) {
      any_new = true;
      log.info("{}: listening on {}", key, one.socket.name());
    } else if (auto taken = one.socket.take_over(*one.running); !taken) {
      log.error("{}: {}; this socket stays as it was until the next reload", key, taken.error().message());
    }
    into.push_back(std::move(one.socket));
  }
  return any_new;
}

std::vector<ListenerState> states_of(const std::vector<ListenSocket>& sockets) {
  std::vector<ListenerState> states;
  for (const ListenSocket& socket : sockets) {
    ListenerState& state = states.emplace_back();
    state.socket = Carried{socket.descriptor()};
    state.file = socket.file();
  }
  return states;
}

void adopt_all(const std::vector<ListenerState>& states, const std::vector<ListenAddress>& addresses,
               std::vector<ListenSocket>& into) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    Fd socket(static_cast<int>(states[i].socket));
    // Without an address it is closed. The address may lack only when this version reads the text otherwise.
    if (i < addresses.size())
      into.push_back(ListenSocket::adopt(addresses[i], std::move(socket), states[i].file));
  }
}

}  // namespace

RunningAdmin AdminSockets::running() {
  RunningAdmin running;
  for (ListenSocket& socket : admin_) running.admin.push_back(&socket);
  for (ListenSocket& socket : agent_) running.agent.push_back(&socket);
  return running;
}

AdminSockets::Change AdminSockets::use(OpenedSockets opened_admin, OpenedSockets opened_agent, Log& log) {
  const auto given = [](const Sockets& sockets) {
    return std::any_of(sockets.begin(), sockets.end(),
                       [](const ListenSocket& one) { return one.has_other_owner(); });
  };
  const bool any_given = given(admin_) || given(agent_);
  Sockets admin;
  Sockets agent;
  bool changed = take_over(std::move(opened_admin), "admin", admin, log);
  changed = take_over(std::move(opened_agent), "agent", agent, log) || changed;
  changed = changed || admin.size() != admin_.size() || agent.size() != agent_.size();
  admin_ = std::move(admin);
  agent_ = std::move(agent);
  if (any_given) return Change::kGiven;
  return changed ? Change::kOther : Change::kNone;
}

Result<std::vector<Fd>> AdminSockets::copies() const {
  std::vector<Fd> copies;
  for (const Sockets* sockets : {&admin_, &agent_}) {
    for (const ListenSocket& socket : *sockets) {
      copies.emplace_back(::fcntl(socket.descriptor(), F_DUPFD_CLOEXEC, 0));
      if (!copies.back().valid()) return system_error("copy a listening socket");
    }
  }
  if (!history_.valid()) return copies;
  copies.emplace_back(::fcntl(history_.get(), F_DUPFD_CLOEXEC, 0));
  if (!copies.back().valid()) return system_error("copy the file of its history");
  return copies;
}

Result<void> AdminSockets::need_history(const ClientDescriptors& clients) {
  if (history_.valid()) return {};
  auto file = make_admin_history();
  if (!file) return file.error();
  if (auto fine = clients.check_own(file.value().get()); !fine) return fine;
  history_ = std::move(file).value();
  return {};
}

std::string AdminSockets::line(const std::vector<std::string>& hosts) const {
  return listen_line(admin(), agent(), hosts, history_.valid());
}

std::vector<std::string> AdminSockets::names_of(const Sockets& sockets) {
  std::vector<std::string> names;
  for (const ListenSocket& socket : sockets) names.push_back(socket.name());
  return names;
}

void AdminSockets::write_state(AdminState& state) const {
  state.admin = states_of(admin_);
  state.agent = states_of(agent_);
  state.history = Carried{history_.get()};
}

void AdminSockets::adopt(const AdminState& state, const AdminConfig& config) {
  adopt_all(state.admin, config.listen, admin_);
  adopt_all(state.agent, config.agent, agent_);
  history_.reset(static_cast<int>(state.history));
}

}  // namespace prefork
