/* An FTP server for load: a thread per session, no files.
 *
 *   ftp_sink          listens on port 21, IPv4 and IPv6, and prints READY
 *
 * RETR N sends N octets of the known content; STOR reads what comes. Any user gets in. */
#include "network.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { PORT = 21, BLOCK = 1 << 18, PERIOD = 1 << 16, IDLE_S = 30, DATA_S = 20, ACCEPT_MS = 3000 };
enum mode { NONE, ACTIVE, PASSIVE };

struct session {
    int control, listener;
    enum mode mode;
    struct address own, announced;
};

static uint8_t block[BLOCK + PERIOD];

static void say(struct session *s, const char *line) { send(s->control, line, strlen(line), MSG_NOSIGNAL); }

static void close_listener(struct session *s) {
    if (s->listener >= 0) close(s->listener);
    s->listener = -1;
}

static int open_data(struct session *s) {
    int fd = -1;
    if (s->mode == ACTIVE) {
        fd = socket(s->announced.value.ss_family, SOCK_STREAM, 0);
        limit_waits(fd, ACCEPT_MS / 1000);
        if (connect(fd, (void *)&s->announced.value, s->announced.length)) {
            close(fd);
            fd = -1;
        }
    } else if (s->mode == PASSIVE) {
        struct pollfd wait = {s->listener, POLLIN, 0};
        if (poll(&wait, 1, ACCEPT_MS) == 1) fd = accept(s->listener, NULL, NULL);
        close_listener(s);
    }
    s->mode = NONE;
    if (fd >= 0) limit_waits(fd, DATA_S);
    return fd;
}

static void port(struct session *s, const char *argument) {
    unsigned n[6];
    char host[64];
    if (sscanf(argument, "%u,%u,%u,%u,%u,%u", n, n + 1, n + 2, n + 3, n + 4, n + 5) != 6) {
        say(s, "501 bad PORT\r\n");
        return;
    }
    snprintf(host, sizeof host, "%u.%u.%u.%u", n[0], n[1], n[2], n[3]);
    s->mode = parse_address(host, n[4] * 256 + n[5], &s->announced) ? NONE : ACTIVE;
    say(s, s->mode ? "200 PORT ok\r\n" : "501 bad PORT\r\n");
}

static void eprt(struct session *s, const char *argument) {
    int family, number;
    char host[64];
    if (sscanf(argument, "|%d|%63[^|]|%d|", &family, host, &number) != 3 ||
        parse_address(host, number, &s->announced)) {
        say(s, "501 bad EPRT\r\n");
        return;
    }
    s->mode = ACTIVE;
    say(s, "200 EPRT ok\r\n");
}

static void passive(struct session *s, int extended) {
    struct address own = s->own;
    char line[128];
    close_listener(s);
    set_port(&own, 0);
    s->listener = socket(own.value.ss_family, SOCK_STREAM, 0);
    if (bind(s->listener, (void *)&own.value, own.length) || listen(s->listener, 1)) {
        say(s, "425 no port\r\n");
        return;
    }
    own = local_address(s->listener);
    int number = port_of(&own);
    if (extended) {
        snprintf(line, sizeof line, "229 Entering Extended Passive Mode (|||%d|)\r\n", number);
    } else {
        const uint8_t *a = (void *)&((struct sockaddr_in *)&own.value)->sin_addr;
        snprintf(line, sizeof line, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d).\r\n", a[0], a[1], a[2], a[3],
                 number >> 8, number & 255);
    }
    s->mode = PASSIVE;
    say(s, line);
}

static void retrieve(struct session *s, uint64_t octets) {
    uint64_t sent = 0;
    say(s, "150 go\r\n");
    int fd = open_data(s);
    if (fd < 0) {
        say(s, "425 cannot open data connection\r\n");
        return;
    }
    while (sent < octets) {
        uint64_t piece = octets - sent < BLOCK ? octets - sent : BLOCK;
        ssize_t written = send(fd, block + sent % PERIOD, piece, MSG_NOSIGNAL);
        if (written <= 0) break;
        sent += written;
    }
    close(fd);
    say(s, sent == octets ? "226 done\r\n" : "426 aborted\r\n");
}

static void store(struct session *s) {
    char piece[PERIOD / 4];
    say(s, "150 go\r\n");
    int fd = open_data(s);
    if (fd < 0) {
        say(s, "425 cannot open data connection\r\n");
        return;
    }
    while (recv(fd, piece, sizeof piece, 0) > 0) continue;
    close(fd);
    say(s, "226 done\r\n");
}

/* 0: the session is over. */
static int obey(struct session *s, const char *line) {
    if (!strncasecmp(line, "USER", 4)) say(s, "331 ok\r\n");
    else if (!strncasecmp(line, "PASS", 4)) say(s, "230 ok\r\n");
    else if (!strncasecmp(line, "PORT ", 5)) port(s, line + 5);
    else if (!strncasecmp(line, "EPRT ", 5)) eprt(s, line + 5);
    else if (!strncasecmp(line, "PASV", 4)) passive(s, 0);
    else if (!strncasecmp(line, "EPSV", 4)) passive(s, 1);
    else if (!strncasecmp(line, "RETR ", 5)) retrieve(s, strtoull(line + 5, NULL, 10));
    else if (!strncasecmp(line, "STOR ", 5)) store(s);
    else if (!strncasecmp(line, "QUIT", 4)) return say(s, "221 bye\r\n"), 0;
    else say(s, "200 ok\r\n");
    return 1;
}

static void *serve(void *argument) {
    struct session *s = argument;
    char buffer[2048];
    size_t have = 0;
    switch_on(s->control, IPPROTO_TCP, TCP_NODELAY);
    limit_waits(s->control, IDLE_S);
    say(s, "220 ftp_sink\r\n");
    for (;;) {
        char *end;
        while (!(end = memchr(buffer, '\n', have))) {
            ssize_t got = have < sizeof buffer ? recv(s->control, buffer + have, sizeof buffer - have, 0) : 0;
            if (got <= 0) goto over;
            have += got;
        }
        size_t used = end + 1 - buffer;
        *end = 0;
        if (!obey(s, buffer)) goto over;
        memmove(buffer, buffer + used, have -= used);
    }
over:
    close_listener(s);
    close(s->control);
    free(s);
    return NULL;
}

static void *listen_for_ever(void *argument) {
    int fd = (int)(intptr_t)argument;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setstacksize(&detached, 1 << 17);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        struct session *s = calloc(1, sizeof *s);
        pthread_t thread;
        s->listener = -1;
        s->control = accept(fd, NULL, NULL);
        if (s->control < 0) {
            free(s);
            continue;
        }
        s->own = local_address(s->control);
        if (pthread_create(&thread, &detached, serve, s)) {
            close(s->control);
            free(s);
        }
    }
    return NULL;
}

int main(void) {
    const char *hosts[] = {"0.0.0.0", "::"};
    signal(SIGPIPE, SIG_IGN);
    allow_many_files();
    for (uint64_t i = 0; i < sizeof block; i++) block[i] = content(i);
    for (int i = 0; i < 2; i++) {
        struct address any;
        pthread_t thread;
        parse_address(hosts[i], PORT, &any);
        int fd = socket(any.value.ss_family, SOCK_STREAM, 0);
        switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
        if (i) switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
        if (bind(fd, (void *)&any.value, any.length) || listen(fd, 4096)) return perror("listen"), 1;
        pthread_create(&thread, NULL, listen_for_ever, (void *)(intptr_t)fd);
    }
    puts("READY");
    fflush(stdout);
    pause();
}
