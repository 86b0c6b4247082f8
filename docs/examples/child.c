/* The child of a pre-forked server, as textbooks have it. It answers each client with its process id.
 *
 *   cc -O2 child.c -o child && supervisor run --listen 127.0.0.1:8080 --protocol classic --workers 4 -- ./child
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Receives a byte and the client's socket that comes with it; 0 at the end of the channel. */
static ssize_t read_fd(int channel, int *client) {
  char byte;
  struct iovec place = {&byte, 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {0};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);

  ssize_t size = recvmsg(channel, &message, 0);
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  if (size <= 0) return size;
  if (rights == NULL || rights->cmsg_type != SCM_RIGHTS) return -1;
  memcpy(client, CMSG_DATA(rights), sizeof(int));
  return size;
}

int main(void) {
  int client, status = 0;
  while (read_fd(0, &client) > 0) {
    dprintf(client, "served by %ld\n", (long)getpid());
    shutdown(client, SHUT_WR);
    close(client);
    if (write(0, &status, sizeof(status)) != sizeof(status)) return 1; /* done: the next one, please */
  }
  return 0;
}
