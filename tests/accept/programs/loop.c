/* A server of twenty years ago: one connection after the other. `loop PORT [ADDRESS]`. It answers each line with it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  struct sockaddr_in me = {.sin_family = AF_INET};
  int on = 1, s;

  if (argc < 2) {
    fprintf(stderr, "usage: loop port [address]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  me.sin_port = htons((unsigned short)atoi(argv[1]));
  me.sin_addr.s_addr = argc > 2 ? inet_addr(argv[2]) : htonl(INADDR_ANY);
  s = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (s < 0 || bind(s, (struct sockaddr*)&me, sizeof me) < 0 || listen(s, 5) < 0) {
    perror("loop");
    return 1;
  }
  for (;;) {
    char line[1024];
    FILE* client;
    int c = accept(s, NULL, NULL);
    if (c < 0) {
      perror("accept");
      continue;
    }
    client = fdopen(c, "r+");
    while (fgets(line, sizeof line, client)) {
      fseek(client, 0, SEEK_CUR);
      fputs(line, client);
      fflush(client);
    }
    fclose(client);
  }
}
