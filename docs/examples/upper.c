/* A worker in C: answers each line in capitals. With "start": "fork" the table is loaded once for all workers.
 *
 *   gcc -std=c11 -O2 upper.c -o upper $(pkg-config --cflags --libs prefork-worker-c)
 *   supervisor run --listen 127.0.0.1:8080 --protocol native --workers 4 -- ./upper
 */
#include <ctype.h>
#include <prefork_worker.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct application {
  unsigned char capital[256]; /* what all workers share */
  char greeting[64];          /* what each worker makes for itself */
};

static int start(void *context) {
  struct application *application = context;
  strcpy(application->greeting, "ready\n");
  return 0;
}

static int send_all(int socket, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent < 0) return -1;
    bytes += sent;
    size -= (size_t)sent;
  }
  return 0;
}

static void serve(prefork_connection *connection, void *context) {
  struct application *application = context;
  int socket = prefork_connection_socket(connection);
  char bytes[4096];
  ssize_t size;
  if (send_all(socket, application->greeting, strlen(application->greeting)) < 0) return;
  while ((size = recv(socket, bytes, sizeof(bytes), 0)) > 0) {
    for (ssize_t i = 0; i < size; ++i) bytes[i] = (char)application->capital[(unsigned char)bytes[i]];
    if (send_all(socket, bytes, (size_t)size) < 0) return;
    prefork_connection_progress(connection);
  }
}

int main(void) {
  static struct application application;
  struct prefork_worker_options options = {.context = &application, .start = start};
  for (int i = 0; i < 256; ++i) application.capital[i] = (unsigned char)toupper(i);
  return prefork_worker_serve(serve, &options);
}
