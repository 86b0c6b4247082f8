/* The textbook's server, statically linked: one connection after the other, one read, one write. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char** arguments) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int on = 1;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (count > 1) address.sin_port = htons((in_port_t)atoi(arguments[1]));
  if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(listener, (struct sockaddr*)&address, sizeof(address)) != 0 || listen(listener, 128) != 0) {
    perror("static-echo");
    return 1;
  }
  (void)fprintf(stderr, "listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  while (1) {
    char bytes[4096];
    const int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    const ssize_t size = read(client, bytes, sizeof(bytes));
    if (size > 0 && write(client, bytes, (size_t)size) < 0) perror("static-echo");
    (void)close(client);
  }
}
