/* A daemon of the old kind: `background PORT` listens, goes to the background, and serves there. */
#define _DEFAULT_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct sockaddr_in me;
  int s = socket(AF_INET, SOCK_STREAM, 0);

  memset(&me, 0, sizeof me);
  me.sin_family = AF_INET;
  me.sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "7"));
  if (bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, 8) < 0) {
    perror("background");
    return 1;
  }
  if (daemon(1, 0) < 0) return 1;
  for (;;) {
    int c = accept(s, NULL, NULL);
    if (c < 0) return 1;
    close(c);
  }
}
