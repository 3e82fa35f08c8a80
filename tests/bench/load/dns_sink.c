/* A DNS server for load: answers every query for anything with one address. */
#define _GNU_SOURCE
#include "network.h"

#include <stdio.h>

enum { PORT = 53, BUFFER = 600, ROOM = 1 << 26, HEADER = 12 };

static const char answer[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1";

int main(void) {
    struct address here;
    parse_address("0.0.0.0", PORT, &here);
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = ROOM;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(fd, (void *)&here.value, here.length)) return perror("bind"), 1;
    puts("READY");
    fflush(stdout);
    for (char buffer[BUFFER + sizeof answer];;) {
        struct address from = {.length = sizeof from.value};
        ssize_t got = recvfrom(fd, buffer, BUFFER, 0, (void *)&from.value, &from.length);
        if (got <= HEADER) continue;
        buffer[2] = 0x81, buffer[3] = 0x80, buffer[7] = 1;
        memcpy(buffer + got, answer, sizeof answer - 1);
        sendto(fd, buffer, got + sizeof answer - 1, 0, (void *)&from.value, from.length);
    }
}
