/* Addresses, sockets and the content of files: what both load tools share. */
#ifndef NETWORK_H
#define NETWORK_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

struct address {
    struct sockaddr_storage value;
    socklen_t length;
};

/* Octet i of every transferred file, so that the reader can check what arrives. Its period is 65536. */
static inline uint8_t content(uint64_t i) { return (uint8_t)((i & 65535) * 131 + ((i & 65535) >> 8) * 7 + 3); }

/* 0, or -1 when the text is no address. */
static inline int parse_address(const char *text, int port, struct address *into) {
    memset(into, 0, sizeof *into);
    if (strchr(text, ':')) {
        struct sockaddr_in6 *six = (void *)&into->value;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        into->length = sizeof *six;
        return inet_pton(AF_INET6, text, &six->sin6_addr) == 1 ? 0 : -1;
    }
    struct sockaddr_in *four = (void *)&into->value;
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    into->length = sizeof *four;
    return inet_pton(AF_INET, text, &four->sin_addr) == 1 ? 0 : -1;
}

static inline int port_of(const struct address *of) {
    return ntohs(of->value.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&of->value)->sin6_port
                                                 : ((const struct sockaddr_in *)&of->value)->sin_port);
}

static inline void set_port(struct address *of, int port) {
    if (of->value.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&of->value)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&of->value)->sin_port = htons(port);
}

static inline const char *host_of(const struct address *of, char *text, size_t size) {
    if (of->value.ss_family == AF_INET6)
        return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&of->value)->sin6_addr, text, size);
    return inet_ntop(AF_INET, &((const struct sockaddr_in *)&of->value)->sin_addr, text, size);
}

static inline struct address local_address(int fd) {
    struct address own = {.length = sizeof own.value};
    getsockname(fd, (void *)&own.value, &own.length);
    return own;
}

static inline void switch_on(int fd, int level, int option) {
    int one = 1;
    setsockopt(fd, level, option, &one, sizeof one);
}

static inline void limit_waits(int fd, int seconds) {
    struct timeval limit = {seconds, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static inline void allow_many_files(void) {
    struct rlimit many = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_NOFILE, &many);
}

#endif
