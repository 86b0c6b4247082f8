// An HTTP service in C++ that serves one connection at a time. It answers GET / and keeps connections.
//
//   g++ -std=c++17 -O2 hello.cc -o hello $(pkg-config --cflags --libs prefork-worker)
//   supervisor run --listen 127.0.0.1:8080 --protocol native --workers 4 -- ./hello
#include <prefork/worker/serve.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <chrono>
#include <cstddef>
#include <string>

namespace {

constexpr std::size_t kMaxRequest = 8192;
constexpr std::chrono::seconds kKeepAlive{5};

/// Reads up to the end of a request's head; "" when the client sends no whole one. What follows stays in `buffer`.
std::string read_head(int socket, std::string& buffer) {
  for (;;) {
    const std::size_t end = buffer.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::string head = buffer.substr(0, end + 2);
      buffer.erase(0, end + 4);
      return head;
    }
    char bytes[2048];
    const ssize_t size = buffer.size() < kMaxRequest ? ::recv(socket, bytes, sizeof(bytes), 0) : 0;
    if (size <= 0) return "";
    buffer.append(bytes, static_cast<std::size_t>(size));
  }
}

/// Whether the head has a field that begins like this, in small letters.
bool has_field(std::string head, const std::string& begin) {
  for (char& letter : head) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return head.find("\r\n" + begin) != std::string::npos;
}

bool send_all(int socket, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t sent = ::send(socket, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent < 0) return false;
    at += static_cast<std::size_t>(sent);
  }
  return true;
}

std::string answer(const std::string& status, const std::string& body, bool last) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         (last ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n") + body;
}

void serve_client(prefork::worker::Connection& connection) {
  const int socket = connection.socket();
  std::string buffer;
  for (;;) {
    const std::string head = read_head(socket, buffer);
    if (head.empty()) return;
    // This service reads no bodies: a request with one is the last one.
    if (head.rfind("GET / HTTP/1.1\r\n", 0) != 0 || has_field(head, "content-length") ||
        has_field(head, "transfer-encoding")) {
      (void)send_all(socket, answer("404 Not Found", "not found\n", true));
      return;
    }
    const bool last = has_field(head, "connection: close") ||
                      (buffer.empty() ? connection.leaving() : connection.must_end());
    const std::string body = "hello from worker " + std::to_string(::getpid()) + ", queued for " +
                             std::to_string(connection.waited().count()) + " us\n";
    if (!send_all(socket, answer("200 OK", body, last)) || last) return;
    if (buffer.empty() && !connection.next_request(kKeepAlive)) return;
  }
}

}  // namespace

int main() { return prefork::worker::serve(serve_client); }
