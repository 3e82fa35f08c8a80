/* Datagrams for load, one way: so many to the endpoints of a file in turn, as fast as they leave, or RATE a second.
 *
 *   udp_load -f FILE -n COUNT [-r RATE]        FILE: lines "ADDRESS PORT"; prints one JSON object
 */
#define _GNU_SOURCE
#include "network.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { OCTETS = 200, MOST = 1 << 17 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static size_t read_endpoints(const char *name, struct address *into) {
    char host[64];
    int port;
    size_t count = 0;
    FILE *file = fopen(name, "r");
    if (!file) return 0;
    while (count < MOST && fscanf(file, "%63s %d", host, &port) == 2)
        if (!parse_address(host, port, &into[count])) count++;
    fclose(file);
    return count;
}

int main(int count, char **words) {
    const char *name = NULL;
    long wanted = 0, sent = 0;
    double rate = 0;
    for (int letter; (letter = getopt(count, words, "f:n:r:")) != -1;) switch (letter) {
            case 'f': name = optarg; break;
            case 'n': wanted = atol(optarg); break;
            case 'r': rate = atof(optarg); break;
            default: return fprintf(stderr, "udp_load: see the head of udp_load.c\n"), 2;
        }
    struct address *endpoints = calloc(MOST, sizeof *endpoints);
    size_t known = name ? read_endpoints(name, endpoints) : 0;
    if (!known) return fprintf(stderr, "udp_load: -f FILE with endpoints\n"), 2;
    char octets[OCTETS] = {0};
    int fd = socket(endpoints[0].value.ss_family, SOCK_DGRAM, 0);
    double began = now_s();
    for (long i = 0; i < wanted; i++) {
        struct address *to = &endpoints[i % known];
        while (rate > 0 && now_s() < began + i / rate) usleep(20);
        sent += sendto(fd, octets, sizeof octets, 0, (void *)&to->value, to->length) == OCTETS;
    }
    printf("{\"sent\":%ld,\"seconds\":%.6f}\n", sent, now_s() - began);
    return 0;
}
