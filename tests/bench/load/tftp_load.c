/* TFTP for load, both ends: transfers of one block each; the client prints one JSON object.
 *
 *   tftp_load -S [-1]          the server; -1: it answers from port 69 itself, which needs no gateway that helps
 *   tftp_load -h SERVER [-j N] [-n N]
 *                              N clients in parallel (threads), N transfers each, every one from a port of its own
 *
 * A transfer is a request, a block from another port of the server, and its acknowledgement. Times are microseconds from
 * the request to the block. */
#define _GNU_SOURCE
#include "network.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 69, ANSWER_S = 1, BLOCK = 256, BUFFER = 600, ROOM = 1 << 26 };

static const char request[] = "\0\1load\0octet";
static struct {
    const char *host;
    int serve, same_port, threads, transfers;
    struct address server;
} options = {.threads = 8, .transfers = 1000};

struct result {
    long done, failed;
    float *took_us;
};

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int transfer(void) {
    char buffer[BUFFER];
    struct address from = {.length = sizeof from.value};
    int fd = socket(options.server.value.ss_family, SOCK_DGRAM, 0);
    if (fd < 0) return -1;
    limit_waits(fd, ANSWER_S);
    sendto(fd, request, sizeof request, 0, (void *)&options.server.value, options.server.length);
    ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&from.value, &from.length);
    int whole = got == 4 + BLOCK && buffer[1] == 3 && (uint8_t)buffer[4 + 17] == content(17);
    char acknowledgement[4] = {0, 4, 0, 1};
    if (whole) sendto(fd, acknowledgement, sizeof acknowledgement, 0, (void *)&from.value, from.length);
    close(fd);
    return whole ? 0 : -1;
}

static void *client(void *argument) {
    struct result *found = argument;
    for (int i = 0; i < options.transfers; i++) {
        double began = now_us();
        if (transfer())
            found->failed++;
        else
            found->took_us[found->done++] = now_us() - began;
    }
    return NULL;
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int load(void) {
    size_t all = (size_t)options.threads * options.transfers, count = 0;
    struct result *found = calloc(options.threads, sizeof *found);
    pthread_t *threads = calloc(options.threads, sizeof *threads);
    float *took_us = calloc(all, sizeof *took_us);
    long failed = 0;
    double began = now_us();
    for (int i = 0; i < options.threads; i++) {
        found[i].took_us = calloc(options.transfers, sizeof(float));
        pthread_create(&threads[i], NULL, client, &found[i]);
    }
    for (int i = 0; i < options.threads; i++) {
        pthread_join(threads[i], NULL);
        memcpy(took_us + count, found[i].took_us, found[i].done * sizeof(float));
        count += found[i].done;
        failed += found[i].failed;
    }
    double seconds = (now_us() - began) / 1e6;
    qsort(took_us, count, sizeof *took_us, by_value);
    printf("{\"transfers\":%zu,\"failed_transfers\":%ld,\"transfers_per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
           count, failed, count / seconds, count ? took_us[count / 2] : 0, count ? took_us[count * 99 / 100] : 0);
    return 0;
}

static int serve(void) {
    struct address here;
    parse_address("0.0.0.0", PORT, &here);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = ROOM;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(fd, (void *)&here.value, here.length)) return perror("bind"), 1;
    char buffer[BUFFER], block[4 + BLOCK] = {0, 3, 0, 1};
    for (int i = 0; i < BLOCK; i++) block[4 + i] = content(i);
    puts("READY");
    fflush(stdout);
    for (;;) {
        struct address from = {.length = sizeof from.value};
        ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&from.value, &from.length);
        if (got < 4 || buffer[1] != 1) continue;
        int answering = options.same_port ? fd : socket(AF_INET, SOCK_DGRAM, 0);
        sendto(answering, block, sizeof block, 0, (void *)&from.value, from.length);
        if (answering != fd) close(answering);
    }
}

int main(int count, char **words) {
    for (int letter; (letter = getopt(count, words, "S1h:j:n:")) != -1;) switch (letter) {
            case 'S': options.serve = 1; break;
            case '1': options.same_port = 1; break;
            case 'h': options.host = optarg; break;
            case 'j': options.threads = atoi(optarg); break;
            case 'n': options.transfers = atoi(optarg); break;
            default: return fprintf(stderr, "tftp_load: see the head of tftp_load.c\n"), 2;
        }
    allow_many_files();
    if (options.serve) return serve();
    if (!options.host || parse_address(options.host, PORT, &options.server))
        return fprintf(stderr, "tftp_load: -h SERVER\n"), 2;
    return load();
}
