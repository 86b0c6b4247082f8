#include "supervisor/systemd/activated_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cstdlib>

#include "proto/joined.h"

namespace prefork {

ActivatedSockets ActivatedSockets::take() {
  ActivatedSockets taken;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  for (int i = 0; i < count; ++i) {
    taken.sockets_.push_back({names[i], Fd(SD_LISTEN_FDS_START + i)});
    std::free(names[i]);
  }
  std::free(names);
  return taken;
}

std::vector<ActivatedState> ActivatedSockets::state() const {
  std::vector<ActivatedState> state;
  for (const Socket& socket : sockets_) state.push_back({socket.name, Carried{socket.descriptor.get()}});
  return state;
}

ActivatedSockets ActivatedSockets::adopt(const std::vector<ActivatedState>& state) {
  ActivatedSockets adopted;
  for (const ActivatedState& socket : state)
    adopted.sockets_.push_back({socket.name, Fd(static_cast<int>(socket.socket))});
  return adopted;
}

Result<Fd> ActivatedSockets::find(const std::string& name) const {
  std::vector<std::string> known;
  const Socket* found = nullptr;
  for (const Socket& socket : sockets_) {
    known.push_back(socket.name);
    if (socket.name != name) continue;
    if (found != nullptr) {
      return Error{"listen systemd:" + name +
                   ": there are several sockets of this name; give each a FileDescriptorName= of its own"};
    }
    found = &socket;
  }
  if (found == nullptr) {
    return Error{"listen systemd:" + name + ": no such socket was handed over; " +
                 (known.empty() ? "there is none at all: is the .socket unit started?"
                                : "there are: " + joined(known))};
  }
  if (::sd_is_socket(found->descriptor.get(), AF_UNSPEC, SOCK_STREAM, /*listening=*/1) <= 0)
    return Error{"listen systemd:" + name + ": this is no listening stream socket (ListenStream=)"};
  Fd copy(::fcntl(found->descriptor.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return system_error("listen systemd:" + name);
  return copy;
}

}  // namespace prefork
