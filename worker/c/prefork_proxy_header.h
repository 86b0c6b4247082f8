/* The header of the PROXY protocol (haproxy's proxy-protocol.txt), versions 1 and 2: a proxy says in front of
 * a connection which client it is for. Ask for it where nothing but the proxy can connect: a client that
 * sends one itself chooses its address. Any thread may call these. */
#ifndef PREFORK_PROXY_HEADER_H
#define PREFORK_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct prefork_proxy_header prefork_proxy_header;

/* Reads a header of version 1 or 2 from a connected stream socket, blocking or not, and not one byte more.
 * `timeout_ms` is for all of it. Free the result. NULL: close the connection. EPROTO: no header, or a
 * malformed one; EMSGSIZE: longer than 107 bytes (version 1) or 4096 (version 2); EBADMSG: its checksum is
 * wrong; ETIMEDOUT; ECONNRESET: the connection ended before the header; ENOMEM; others are those of recv()
 * and poll(). `why`, unless it is NULL, gets the reason as a text, cut to `why_size` bytes with its final
 * zero. */
prefork_proxy_header* prefork_read_proxy_header(int socket, int timeout_ms, char* why, size_t why_size);
void prefork_proxy_header_free(prefork_proxy_header* header); /* NULL is allowed */
/* 1 or 2. */
int prefork_proxy_header_version(const prefork_proxy_header* header);
/* 1: the header names no client (LOCAL, UNKNOWN); the addresses are those of the socket. */
int prefork_proxy_header_local(const prefork_proxy_header* header);
/* The client, and what it has connected to: AF_INET, AF_INET6 or AF_UNIX. Valid as long as the header. NULL
 * when it is not known: the client has reset the connection. */
const struct sockaddr* prefork_proxy_header_source(const prefork_proxy_header* header, socklen_t* length);
const struct sockaddr* prefork_proxy_header_destination(const prefork_proxy_header* header,
                                                        socklen_t* length);
/* The field number `index`, from 0, of version 2 (TLV). Returns 0 with its type and its bytes, which are
 * valid as long as the header; -1 and ENOENT behind the last one. */
int prefork_proxy_header_field(const prefork_proxy_header* header, size_t index, uint8_t* type,
                               const void** value, size_t* length);

#ifdef __cplusplus
}
#endif

#endif
