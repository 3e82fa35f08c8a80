/* An FTP client for load; prints one JSON object.
 *
 *   ftp_load -h SERVER [options]
 *     -j N      sessions in parallel (threads)        -n N      sessions per thread
 *     -k N      transfers per session                 -s N      octets per transfer
 *     -m MODES  kinds of transfer, in turn: p PORT, e EPRT, P PASV, E EPSV
 *     -N N      NOOPs per session                     -A HOST   address to announce instead of the own
 *     -L LO-HI  ports to announce
 *
 * Times are microseconds from a command to its reply. */
#define _GNU_SOURCE
#include "network.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 21, REPLY_S = 5, DATA_S = 20, BLOCK = 1 << 18, CHECKED = 1 << 20, LINE = 512 };

static struct {
    const char *host, *modes, *announce;
    struct address server;
    int threads, sessions, transfers, noops, low, high;
    uint64_t octets;
} options = {.modes = "pP", .threads = 1, .sessions = 1, .transfers = 2, .octets = 1024};
static atomic_int next_port;

struct samples {
    float *values;
    size_t count, room;
};

struct result {
    struct samples noop, active, passive, login, transfer;
    long transfers, failed_transfers, sessions, failed_sessions, octets, wrong;
    char error[160];
};

struct session {
    int fd;
    size_t have;
    char buffer[1024], line[LINE];
    struct address own;
};

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void add(struct samples *to, double us) {
    if (to->count == to->room) {
        to->room = to->room ? 2 * to->room : 1024;
        to->values = realloc(to->values, to->room * sizeof *to->values);
    }
    to->values[to->count++] = us;
}

static void add_all(struct samples *to, const struct samples *from) {
    for (size_t i = 0; i < from->count; i++) add(to, from->values[i]);
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *s) {
    if (!s->count) return;
    qsort(s->values, s->count, sizeof *s->values, by_value);
    printf(",\"%s_us\":{\"count\":%zu,\"p50\":%.1f,\"p99\":%.1f}", name, s->count,
           s->values[(size_t)(.5 * (s->count - 1) + .5)], s->values[(size_t)(.99 * (s->count - 1) + .5)]);
}

static void explain(struct result *r, const char *what, const char *line) {
    if (!*r->error) snprintf(r->error, sizeof r->error, "%s: %.120s", what, line);
}

/* The code of the next reply line, -1 when there is none. */
static int reply(struct session *s) {
    for (;;) {
        char *end = memchr(s->buffer, '\n', s->have);
        if (end) {
            size_t used = end + 1 - s->buffer, kept = used < LINE ? used : LINE - 1;
            memcpy(s->line, s->buffer, kept);
            s->line[kept] = 0;
            memmove(s->buffer, s->buffer + used, s->have -= used);
            return atoi(s->line);
        }
        ssize_t got = recv(s->fd, s->buffer + s->have, sizeof s->buffer - s->have, 0);
        if (got <= 0) {
            snprintf(s->line, LINE, "%s", got ? strerror(errno) : "closed");
            return -1;
        }
        s->have += got;
    }
}

static int command(struct session *s, const char *text) {
    ssize_t length = strlen(text);
    return send(s->fd, text, length, MSG_NOSIGNAL) == length ? reply(s) : -1;
}

static int connected(const struct address *to) {
    int fd = socket(to->value.ss_family, SOCK_STREAM, 0);
    limit_waits(fd, REPLY_S);
    if (!connect(fd, (void *)&to->value, to->length)) return fd;
    close(fd);
    return -1;
}

static int listening(const struct session *s) {
    for (int tries = 0; tries < 1000; tries++) {
        struct address own = s->own;
        int span = options.high - options.low + 1;
        set_port(&own, options.low ? options.low + atomic_fetch_add(&next_port, 1) % span : 0);
        int fd = socket(own.value.ss_family, SOCK_STREAM, 0);
        switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
        if (!bind(fd, (void *)&own.value, own.length) && !listen(fd, 1)) return fd;
        close(fd);
    }
    return -1;
}

/* Announce a listener by PORT or EPRT; its descriptor, or -1. */
static int announce(struct session *s, char mode, struct result *r) {
    char host[64], text[200];
    int fd = listening(s);
    if (fd < 0) return -1;
    struct address own = local_address(fd);
    int number = port_of(&own);
    host_of(&own, host, sizeof host);
    if (options.announce) snprintf(host, sizeof host, "%s", options.announce);
    if (mode == 'p') {
        for (char *c = host; *c; c++)
            if (*c == '.') *c = ',';
        snprintf(text, sizeof text, "PORT %s,%d,%d\r\n", host, number >> 8, number & 255);
    } else {
        snprintf(text, sizeof text, "EPRT |%d|%s|%d|\r\n", strchr(host, ':') ? 2 : 1, host, number);
    }
    double began = now_us();
    if (command(s, text) == 200) {
        add(&r->active, now_us() - began);
        return fd;
    }
    close(fd);
    return -1;
}

/* Connect to where PASV or EPSV says; the descriptor, or -1. */
static int follow(struct session *s, char mode, struct result *r) {
    struct address to = options.server;
    double began = now_us();
    int code = command(s, mode == 'P' ? "PASV\r\n" : "EPSV\r\n");
    if (code != (mode == 'P' ? 227 : 229)) return -1;
    add(&r->passive, now_us() - began);
    const char *open = strchr(s->line, '(');
    unsigned n[6];
    if (mode == 'E') {
        if (!open || sscanf(open, "(|||%u|", n) != 1) return -1;
        set_port(&to, n[0]);
    } else {
        char host[64];
        if (!open || sscanf(open, "(%u,%u,%u,%u,%u,%u", n, n + 1, n + 2, n + 3, n + 4, n + 5) != 6) return -1;
        snprintf(host, sizeof host, "%u.%u.%u.%u", n[0], n[1], n[2], n[3]);
        parse_address(host, n[4] * 256 + n[5], &to);
    }
    int fd = connected(&to);
    if (fd < 0) snprintf(s->line, LINE, "data connection: %s", strerror(errno));
    return fd;
}

static int accepted(struct session *s, int listener) {
    struct pollfd wait = {listener, POLLIN, 0};
    int fd = poll(&wait, 1, REPLY_S * 1000) == 1 ? accept(listener, NULL, NULL) : -1;
    if (fd < 0) snprintf(s->line, LINE, "no data connection came");
    close(listener);
    return fd;
}

/* Read a data connection to its end; how many octets. Big files are not compared: that would measure the reader. */
static uint64_t drain(int fd, struct result *r) {
    static __thread uint8_t *piece;
    uint64_t total = 0;
    ssize_t got;
    if (!piece) piece = malloc(BLOCK);
    limit_waits(fd, DATA_S);
    while ((got = recv(fd, piece, BLOCK, 0)) > 0) {
        if (options.octets <= CHECKED)
            for (ssize_t i = 0; i < got; i++) r->wrong += piece[i] != content(total + i);
        total += got;
    }
    close(fd);
    return total;
}

/* 0 when the session cannot go on. */
static int transfer(struct session *s, char mode, struct result *r) {
    char text[64], what[] = {mode, 0};
    int active = mode == 'p' || mode == 'e';
    double began = now_us();
    snprintf(s->line, LINE, "no socket");
    int fd = active ? announce(s, mode, r) : follow(s, mode, r);
    snprintf(text, sizeof text, "RETR %llu\r\n", (unsigned long long)options.octets);
    int ok = fd >= 0 && command(s, text) == 150;
    if (ok && active) ok = (fd = accepted(s, fd)) >= 0;
    if (!ok) {
        if (fd >= 0) close(fd);
        explain(r, what, s->line);
        r->failed_transfers++;
        return 0;
    }
    uint64_t got = drain(fd, r);
    r->octets += got;
    if (reply(s) == 226 && got == options.octets) {
        add(&r->transfer, now_us() - began);
        r->transfers++;
    } else {
        explain(r, what, s->line);
        r->failed_transfers++;
    }
    return 1;
}

static int use(struct session *s, struct result *r) {
    double began = now_us();
    if (reply(s) != 220 || command(s, "USER load\r\n") != 331 || command(s, "PASS load\r\n") != 230) return 0;
    add(&r->login, now_us() - began);
    for (int i = 0; i < options.noops; i++) {
        began = now_us();
        if (command(s, "NOOP\r\n") != 200) return 0;
        add(&r->noop, now_us() - began);
    }
    for (int i = 0; i < options.transfers; i++)
        if (!transfer(s, options.modes[i % strlen(options.modes)], r)) return 0;
    return command(s, "QUIT\r\n") == 221;
}

static void *run(void *argument) {
    struct result *r = argument;
    for (int i = 0; i < options.sessions; i++) {
        struct session s = {.fd = connected(&options.server)};
        if (s.fd < 0) {
            explain(r, "connect", strerror(errno));
            r->failed_sessions++;
            continue;
        }
        switch_on(s.fd, IPPROTO_TCP, TCP_NODELAY);
        s.own = local_address(s.fd);
        if (use(&s, r)) {
            r->sessions++;
        } else {
            explain(r, "session", s.line);
            r->failed_sessions++;
        }
        close(s.fd);
    }
    return NULL;
}

static void sum(struct result *to, const struct result *from) {
    add_all(&to->noop, &from->noop);
    add_all(&to->active, &from->active);
    add_all(&to->passive, &from->passive);
    add_all(&to->login, &from->login);
    add_all(&to->transfer, &from->transfer);
    to->transfers += from->transfers;
    to->failed_transfers += from->failed_transfers;
    to->sessions += from->sessions;
    to->failed_sessions += from->failed_sessions;
    to->octets += from->octets;
    to->wrong += from->wrong;
    if (*from->error) explain(to, "first", from->error);
}

static void print(struct result *r, double seconds) {
    for (char *c = r->error; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < 32) *c = ' ';
    printf("{\"seconds\":%.4f,\"sessions\":%ld,\"failed_sessions\":%ld,\"transfers\":%ld,\"failed_transfers\":%ld,"
           "\"transfers_per_s\":%.1f,\"gbit_per_s\":%.4f,\"wrong_octets\":%ld,\"error\":\"%s\"",
           seconds, r->sessions, r->failed_sessions, r->transfers, r->failed_transfers, r->transfers / seconds,
           r->octets * 8 / seconds / 1e9, r->wrong, r->error);
    print_samples("noop", &r->noop);
    print_samples("active", &r->active);
    print_samples("passive", &r->passive);
    print_samples("login", &r->login);
    print_samples("transfer", &r->transfer);
    puts("}");
}

static int read_options(int count, char **words) {
    for (int option; (option = getopt(count, words, "h:j:n:k:s:m:N:A:L:")) != -1;) switch (option) {
        case 'h': options.host = optarg; break;
        case 'j': options.threads = atoi(optarg); break;
        case 'n': options.sessions = atoi(optarg); break;
        case 'k': options.transfers = atoi(optarg); break;
        case 's': options.octets = strtoull(optarg, NULL, 10); break;
        case 'm': options.modes = optarg; break;
        case 'N': options.noops = atoi(optarg); break;
        case 'A': options.announce = optarg; break;
        case 'L': sscanf(optarg, "%d-%d", &options.low, &options.high); break;
        default: return -1;
        }
    return options.host ? parse_address(options.host, PORT, &options.server) : -1;
}

int main(int count, char **words) {
    if (read_options(count, words)) return fprintf(stderr, "ftp_load: see the head of ftp_load.c\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    allow_many_files();
    struct result *results = calloc(options.threads, sizeof *results), total = {0};
    pthread_t *threads = calloc(options.threads, sizeof *threads);
    double began = now_us();
    for (int i = 0; i < options.threads; i++) pthread_create(threads + i, NULL, run, results + i);
    for (int i = 0; i < options.threads; i++) pthread_join(threads[i], NULL);
    double seconds = (now_us() - began) / 1e6;
    for (int i = 0; i < options.threads; i++) sum(&total, results + i);
    print(&total, seconds);
    return 0;
}
