/* A child of a pre-forked server, as textbooks have it: takes a connection from the parent over descriptor 0,
 * serves it, and tells the parent that it is ready again. It knows nothing of the supervisor.
 * It answers "S 2000\n", a time in microseconds to sleep, with "OK 4711\n", its pid; with the argument "echo"
 * it answers what has come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t read_fd(int fd, void *ptr, size_t nbytes, int *recvfd)
{
    struct msghdr msg;
    struct iovec iov[1];
    ssize_t n;
    union {
        struct cmsghdr cm;
        char control[CMSG_SPACE(sizeof(int))];
    } control_un;
    struct cmsghdr *cmptr;

    memset(&msg, 0, sizeof(msg));
    msg.msg_control = control_un.control;
    msg.msg_controllen = sizeof(control_un.control);
    iov[0].iov_base = ptr;
    iov[0].iov_len = nbytes;
    msg.msg_iov = iov;
    msg.msg_iovlen = 1;

    if ((n = recvmsg(fd, &msg, 0)) <= 0)
        return n;

    if ((cmptr = CMSG_FIRSTHDR(&msg)) != NULL && cmptr->cmsg_len == CMSG_LEN(sizeof(int))) {
        if (cmptr->cmsg_level != SOL_SOCKET || cmptr->cmsg_type != SCM_RIGHTS)
            return -1;
        memcpy(recvfd, CMSG_DATA(cmptr), sizeof(int));
    } else {
        *recvfd = -1; /* descriptor was not passed */
    }
    return n;
}

static void serve(int connfd)
{
    char line[64];
    size_t size = 0;
    ssize_t n;

    while (size < sizeof(line) - 1 && memchr(line, '\n', size) == NULL) {
        if ((n = read(connfd, line + size, sizeof(line) - 1 - size)) <= 0)
            return;
        size += (size_t)n;
    }
    line[size] = '\0';
    if (strncmp(line, "S ", 2) == 0)
        usleep((useconds_t)atoi(line + 2));
    n = snprintf(line, sizeof(line), "OK %ld\n", (long)getpid());
    if (write(connfd, line, (size_t)n) < 0)
        return;
}

static void echo(int connfd)
{
    char buffer[4096];
    ssize_t n;

    if ((n = read(connfd, buffer, sizeof(buffer))) > 0 && write(connfd, buffer, (size_t)n) < 0)
        return;
}

int main(int argc, char **argv)
{
    void (*answer)(int) = argc > 1 && strcmp(argv[1], "echo") == 0 ? echo : serve;
    int connfd, status = 0;
    char c;
    ssize_t n;

    for (;;) {
        if ((n = read_fd(0, &c, 1, &connfd)) == 0)
            exit(0); /* the parent has ended */
        if (n < 0) {
            if (errno == EINTR)
                continue;
            perror("read_fd");
            exit(1);
        }
        if (connfd < 0) {
            fprintf(stderr, "no descriptor from read_fd\n");
            exit(1);
        }
        answer(connfd);
        close(connfd);
        if (write(0, &status, sizeof(status)) != sizeof(status)) {
            perror("write");
            exit(1);
        }
    }
}
