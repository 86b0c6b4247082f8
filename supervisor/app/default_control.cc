#include "supervisor/app/default_control.h"

#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "config/control_path.h"
#include "config/control_place.h"
#include "supervisor/listen/stale_socket.h"

namespace prefork {
namespace {

/// Supervisors that start at the same moment look at each other's sockets before these listen: one may take
/// away the file of another.
Result<ListenSocket> open_with_attempts(const std::string& path, int attempts) {
  auto opened = ListenSocket::open(control_address(path));
  if (opened || attempts == 1 || ::access(path.c_str(), F_OK) == 0 || errno != ENOENT) return opened;
  return open_with_attempts(path, attempts - 1);
}

std::string runtime_directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

DefaultControl::DefaultControl(const std::string& config_file)
    : path_(runtime_directory() + '/' +
            (config_file.empty() ? default_control_name(::getpid()) : default_control_name(config_file))) {}

void DefaultControl::adopt(const std::string& path) {
  if (!path.empty()) path_ = path;
}

Result<ListenSocket> DefaultControl::open() {
  const std::string directory = runtime_directory_of(path_);
  if (auto made = make_runtime_directory(directory); !made) return made.error();
  if (path_.size() >= sizeof(sockaddr_un::sun_path))
    return Error{path_ + ": too long for the path of a socket"};
  if (!swept_) {
    for (const std::string& socket : control_sockets_in({directory}))
      (void)remove_stale_socket(socket);  // an error: a process listens there
    swept_ = true;
  }
  return open_with_attempts(path_, /*attempts=*/3);
}

}  // namespace prefork
