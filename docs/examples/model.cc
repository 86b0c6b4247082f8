// A model of 200 MiB that is loaded once: all workers are forked from the process that has loaded it, and share its
// memory. A client sends a number in a line and gets that value of the model.
//
//   g++ -std=c++20 -O2 model.cc -o model $(pkg-config --cflags --libs prefork-worker) && supervisor -c model.json
#include <prefork/worker/serve.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kValues = std::size_t{200} * 1024 * 1024 / sizeof(float);

/// Stands for a file that takes long to read.
std::vector<float> load_model() {
  std::vector<float> model(kValues);
  for (std::size_t i = 0; i < model.size(); ++i) model[i] = static_cast<float>(i % 1000) / 2;
  return model;
}

std::string read_line(int socket) {
  std::string line;
  char byte = 0;
  while (line.size() < 20 && ::recv(socket, &byte, 1, 0) == 1 && byte != '\n') line += byte;
  return line;
}

}  // namespace

int main() {
  // Before serve(): with "start": "fork" that call forks the workers, and none of them loads anything.
  const std::vector<float> model = load_model();
  return prefork::worker::serve([&model](prefork::worker::Connection& connection) {
    const std::size_t index = std::strtoul(read_line(connection.socket()).c_str(), nullptr, 10);
    const std::string answer = std::to_string(model[index % model.size()]) + '\n';
    (void)::send(connection.socket(), answer.data(), answer.size(), MSG_NOSIGNAL);
  });
}
