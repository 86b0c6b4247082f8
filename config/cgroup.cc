#include "config/cgroup.h"

#include <fstream>
#include <sstream>

namespace prefork {
namespace {

bool lists(const std::string& commas, const std::string& word) {
  return (',' + commas + ',').find(',' + word + ',') != std::string::npos;
}

/// Where the hierarchy is mounted: the first mount of this type that has the option, unless that is empty.
std::string mount_point(const std::string& process, const std::string& type, const std::string& option) {
  std::ifstream mounts(process + "/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string place;
    std::string kind;
    std::string options;
    words >> device >> place >> kind >> options;
    if (kind == type && (option.empty() || lists(options, option))) return place;
  }
  return "";
}

/// The PATH of the line "ID:CONTROLLERS:PATH" with this controller; "" is that of version 2.
std::string cgroup_path(const std::string& process, const std::string& controller) {
  std::ifstream cgroups(process + "/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller))
      return line.substr(second + 1);
  }
  return "";
}

/// `mount` with `path` and with each path around it, down to the mount itself.
void add_outwards(const std::string& mount, std::string path, std::vector<std::string>& directories) {
  if (mount.empty()) return;
  while (path.size() > 1) {
    directories.push_back(mount + path);
    path.erase(path.rfind('/'));
  }
  directories.push_back(mount);
}

}  // namespace

std::vector<std::string> cgroup_directories(const std::string& controller, const std::string& process) {
  std::vector<std::string> directories;
  add_outwards(mount_point(process, "cgroup2", ""), cgroup_path(process, ""), directories);
  add_outwards(mount_point(process, "cgroup", controller), cgroup_path(process, controller), directories);
  return directories;
}

}  // namespace prefork
