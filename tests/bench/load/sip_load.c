/* SIP over UDP for load, both ends: calls of six messages and a packet of media each way; prints one JSON object.
 *
 *   sip_load -S HOST [-x TEXT]         the phone that is called, at an address; ends with SIGTERM and prints what it saw:
 *                                      media from elsewhere than was announced, messages with TEXT in them, and
 *                                      messages whose Content-Length is wrong
 *   sip_load -h HOST -l OWN [-n CALLS] [-p PHONES] [-w WINDOW | -r RATE]
 *                                      so many calls from an own address, WINDOW of them at once, or RATE a second
 *
 * INVITE, 180, 200, ACK, media both ways, BYE, 200. A request or packet of media is said again after 0.5 s; a call that
 * is not over after 4 s has failed. Times are microseconds from INVITE to 200 and from BYE to 200. calls_per_s counts
 * until the last one is over, in_time_per_s those that are over by the time that the last one begins. */
#define _GNU_SOURCE
#include "network.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 5060, FIRST_PHONE = 5062, FIRST_MEDIA = 10000, MEDIA = 12000, SERVER_MEDIA = 6000, BUFFER = 4096 };
enum { CALLS = 1 << 16, ROOM = 1 << 25, WAITING = 1 << 15, EVENTS = 256 };
static const double AGAIN_US = 5e5, FAILED_US = 4e6;

enum state { IDLE, INVITED, TALKING, ENDING };
struct call {
    enum state state;
    int phone, media, tries;
    unsigned number;
    double began_us, asked_us, said_us;
    struct address far;
};
static struct {
    const char *serve, *host, *own, *secret;
    long calls;
    int phones, window;
    double rate;
} options = {.calls = 4000, .phones = 1, .window = 16};

static struct address server;
static struct call calls[CALLS];
static float *invite_us, *bye_us;
static long begun, done, failed, again, in_flight;
static int phones[4096], media_of[MEDIA], media_busy[MEDIA], poller, next_media;
static volatile sig_atomic_t stopped;

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int open_socket(const char *host, int port) {
    struct address here;
    int room = ROOM;
    if (parse_address(host, port, &here)) return -1;
    int fd = socket(here.value.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(fd, (void *)&here.value, here.length)) return perror("bind"), -1;
    return fd;
}

static void watch(int fd, uint32_t what) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/* The value of a header by its long and its short name, or NULL. The text ends with NUL. */
static const char *header(const char *text, const char *name, char brief) {
    size_t length = strlen(name);
    for (const char *line = strstr(text, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (!strncasecmp(at, name, length) && at[length] == ':')
            at += length + 1;
        else if (brief && (at[0] | 32) == brief && at[1] == ':')
            at += 2;
        else
            continue;
        return at + strspn(at, " ");
    }
    return NULL;
}

static long number_of(const char *text) {
    const char *value = header(text, "Call-ID", 'i');
    return value ? strtol(value, NULL, 10) : -1;
}

static int describe(char *into, size_t size, const char *host, int port) {
    return snprintf(into, size,
                    "v=0\r\no=load 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 8 101\r\n"
                    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
                    "a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n",
                    host, host, port);
}

/* Where media are taken, as a description says; -1 without one. */
static int described(const char *text, struct address *into) {
    const char *host = strstr(text, "\r\nc=IN IP4 "), *port = strstr(text, "\r\nm=audio ");
    char name[64] = "";
    if (!host || !port || sscanf(host + 11, "%63[0-9.]", name) != 1) return -1;
    return parse_address(name, atoi(port + 10), into);
}

/* The phone that calls */

static void say(struct call *call, const char *method) {
    char text[BUFFER], body[512];
    int invite = !strcmp(method, "INVITE"), length = 0, port = FIRST_PHONE + call->phone;
    if (invite) length = describe(body, sizeof body, options.own, FIRST_MEDIA + 2 * call->media);
    int size = snprintf(text, sizeof text,
                        "%s sip:called@%s:%d SIP/2.0\r\nVia: SIP/2.0/UDP %s:%d;branch=z9hG4bK%u%s;rport\r\n"
                        "From: <sip:load%d@%s:%d>;tag=a%u\r\nTo: <sip:called@%s:%d>%s\r\nCall-ID: %u@%s\r\nCSeq: %d %s\r\n"
                        "Contact: <sip:load%d@%s:%d>\r\nMax-Forwards: 70\r\nUser-Agent: sip_load\r\n%s"
                        "Content-Length: %d\r\n\r\n%.*s",
                        method, options.host, PORT, options.own, port, call->number, *method == 'B' ? "b" : "",
                        call->phone, options.own, port, call->number, options.host, PORT, invite ? "" : ";tag=b",
                        call->number, options.own, *method == 'B' ? 2 : 1, method, call->phone, options.own, port,
                        invite ? "Content-Type: application/sdp\r\n" : "", length, length, body);
    sendto(phones[call->phone], text, size, 0, (void *)&server.value, server.length);
    call->said_us = now_us();
}

static void talk(struct call *call) {
    uint32_t packet[10] = {htonl(0x80000000), 0, 0, htonl(call->number)};
    sendto(media_of[call->media], packet, sizeof packet, 0, (void *)&call->far.value, call->far.length);
    call->said_us = now_us();
}

static void begin(void) {
    struct call *call = &calls[begun % CALLS];
    while (media_busy[next_media]) next_media = (next_media + 1) % MEDIA;
    *call = (struct call){.state = INVITED, .phone = begun % options.phones, .media = next_media, .number = begun};
    media_busy[next_media] = 1;
    next_media = (next_media + 1) % MEDIA;
    begun++;
    in_flight++;
    call->began_us = call->asked_us = now_us();
    say(call, "INVITE");
}

static void finish(struct call *call, int well) {
    if (!well)
        failed++;
    else
        bye_us[done++] = now_us() - call->asked_us;
    media_busy[call->media] = 0;
    call->state = IDLE;
    in_flight--;
}

static void answered(int phone) {
    char text[BUFFER];
    for (ssize_t size; (size = recv(phones[phone], text, sizeof text - 1, 0)) > 0;) {
        text[size] = 0;
        long number = number_of(text);
        if (number < 0 || strncmp(text, "SIP/2.0 200", 11)) continue;
        struct call *call = &calls[number % CALLS];
        const char *sequence = header(text, "CSeq", 0);
        if (call->number != number || !sequence) continue;
        if (call->state == INVITED && *sequence == '1' && !described(text, &call->far)) {
            invite_us[number] = now_us() - call->asked_us;
            say(call, "ACK");
            call->state = TALKING;
            call->tries = 0;
            talk(call);
        } else if (call->state == ENDING && *sequence == '2')
            finish(call, 1);
    }
}

static void heard(int media) {
    uint32_t packet[10];
    while (recv(media_of[media], packet, sizeof packet, 0) == sizeof packet) {
        struct call *call = &calls[ntohl(packet[3]) % CALLS];
        if (call->state != TALKING || call->number != ntohl(packet[3]) || call->media != media) continue;
        call->state = ENDING;
        call->tries = 0;
        call->asked_us = now_us();
        say(call, "BYE");
    }
}

static void remind(double now) {
    for (long number = begun > CALLS ? begun - CALLS : 0; number < begun; number++) {
        struct call *call = &calls[number % CALLS];
        if (call->state == IDLE) continue;
        if (now - call->began_us > FAILED_US) {
            finish(call, 0);
        } else if (now - call->said_us > AGAIN_US * (1 << call->tries)) {
            again++;
            call->tries++;
            if (call->state == TALKING)
                talk(call);
            else
                say(call, call->state == INVITED ? "INVITE" : "BYE");
        }
    }
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, float *took_us, long count) {
    qsort(took_us, count, sizeof *took_us, by_value);
    printf(",\"%s_us\":{\"p50\":%.1f,\"p99\":%.1f}", name, count ? took_us[count / 2] : 0,
           count ? took_us[count * 99 / 100] : 0);
}

static int load(void) {
    poller = epoll_create1(0);
    invite_us = calloc(options.calls, sizeof *invite_us);
    bye_us = calloc(options.calls, sizeof *bye_us);
    for (int i = 0; i < options.phones; i++) {
        if ((phones[i] = open_socket(options.own, FIRST_PHONE + i)) < 0) return 1;
        watch(phones[i], i);
    }
    for (int i = 0; i < MEDIA; i++) {
        if ((media_of[i] = open_socket(options.own, FIRST_MEDIA + 2 * i)) < 0) return 1;
        watch(media_of[i], WAITING + i);
    }
    double began = now_us(), reminded = began, all_begun = 0;
    long in_time = 0;
    while (done + failed < options.calls) {
        double now = now_us();
        while (begun < options.calls && in_flight < MEDIA / 2 &&
               (options.rate > 0 ? began + begun * 1e6 / options.rate <= now : in_flight < options.window))
            begin();
        if (begun == options.calls && !all_begun) {
            all_begun = now_us();
            in_time = done;
        }
        if (now - reminded > 5e4) {
            remind(now);
            reminded = now;
        }
        struct epoll_event events[EVENTS];
        struct timespec wait = {0, 20000000};
        if (options.rate > 0 && begun < options.calls) {
            double next = began + begun * 1e6 / options.rate - now_us();
            wait.tv_nsec = next <= 0 ? 0 : next > 20000 ? 20000000 : next * 1000;
        }
        int count = epoll_pwait2(poller, events, EVENTS, &wait, NULL);
        for (int i = 0; i < count; i++)
            events[i].data.u32 < WAITING ? answered(events[i].data.u32) : heard(events[i].data.u32 - WAITING);
    }
    double seconds = (now_us() - began) / 1e6;
    printf("{\"calls\":%ld,\"failed_calls\":%ld,\"said_again\":%ld,\"calls_per_s\":%.1f,\"in_time_per_s\":%.1f", done,
           failed, again, done / seconds, in_time * 1e6 / (all_begun - began));
    long known = 0;
    for (long i = 0; i < options.calls; i++)
        if (invite_us[i] > 0) invite_us[known++] = invite_us[i];
    print_times("invite", invite_us, known);
    print_times("bye", bye_us, done);
    puts("}");
    return 0;
}

/* The phone that is called */

static struct address offered[CALLS];
static long elsewhere, leaks, lengths;

static void reply(int fd, const char *text, const char *status, const char *body, struct address *to) {
    char out[BUFFER];
    int size = snprintf(out, sizeof out, "SIP/2.0 %s\r\n", status);
    static const struct {
        const char *name, brief;
    } copied[] = {{"Via", 'v'}, {"From", 'f'}, {"To", 't'}, {"Call-ID", 'i'}, {"CSeq", 0}};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        const char *value = header(text, copied[i].name, copied[i].brief);
        if (!value) return;
        int length = strcspn(value, "\r");
        const char *tag = i == 2 && !memmem(value, length, ";tag=", 5) ? ";tag=b" : "";
        size += snprintf(out + size, sizeof out - size, "%s: %.*s%s\r\n", copied[i].name, length, value, tag);
    }
    size += snprintf(out + size, sizeof out - size, "Contact: <sip:called@%s:%d>\r\n%sContent-Length: %zu\r\n\r\n%s",
                     options.serve, PORT, *body ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
    sendto(fd, out, size, 0, (void *)&to->value, to->length);
}

static void asked(int fd, const char *description) {
    char text[BUFFER];
    struct address from = {.length = sizeof from.value};
    for (ssize_t size; (size = recvfrom(fd, text, sizeof text - 1, 0, (void *)&from.value, &from.length)) > 0;
         from.length = sizeof from.value) {
        text[size] = 0;
        const char *body = strstr(text, "\r\n\r\n"), *length = header(text, "Content-Length", 'l');
        if (options.secret && strstr(text, options.secret)) leaks++;
        if (!body || !length || atol(length) != text + size - body - 4) lengths++;
        long number = number_of(text);
        if (number < 0 || *text == 'A') continue;
        if (*text == 'I') {
            described(text, &offered[number % CALLS]);
            reply(fd, text, "180 Ringing", "", &from);
            reply(fd, text, "200 OK", description, &from);
        } else
            reply(fd, text, "200 OK", "", &from);
    }
}

static void echo(int fd) {
    uint32_t packet[10];
    struct address from = {.length = sizeof from.value};
    while (recvfrom(fd, packet, sizeof packet, 0, (void *)&from.value, &from.length) == sizeof packet) {
        struct address *to = &offered[ntohl(packet[3]) % CALLS];
        const struct sockaddr_in *one = (void *)&from.value, *other = (void *)&to->value;
        if (one->sin_addr.s_addr != other->sin_addr.s_addr || one->sin_port != other->sin_port) elsewhere++;
        sendto(fd, packet, sizeof packet, 0, (void *)&to->value, to->length);
        from.length = sizeof from.value;
    }
}

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static int serve(void) {
    char description[512];
    describe(description, sizeof description, options.serve, SERVER_MEDIA);
    int fd = open_socket(options.serve, PORT), media = open_socket(options.serve, SERVER_MEDIA);
    if (fd < 0 || media < 0) return 1;
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    poller = epoll_create1(0);
    watch(fd, 0);
    watch(media, 1);
    puts("READY");
    fflush(stdout);
    while (!stopped) {
        struct epoll_event events[2];
        int count = epoll_wait(poller, events, 2, -1);
        for (int i = 0; i < count; i++) events[i].data.u32 ? echo(media) : asked(fd, description);
    }
    printf("{\"elsewhere\":%ld,\"leaks\":%ld,\"wrong_lengths\":%ld}\n", elsewhere, leaks, lengths);
    return 0;
}

int main(int count, char **words) {
    for (int letter; (letter = getopt(count, words, "S:x:h:l:n:p:w:r:")) != -1;) switch (letter) {
            case 'S': options.serve = optarg; break;
            case 'x': options.secret = optarg; break;
            case 'h': options.host = optarg; break;
            case 'l': options.own = optarg; break;
            case 'n': options.calls = atol(optarg); break;
            case 'p': options.phones = atoi(optarg); break;
            case 'w': options.window = atoi(optarg); break;
            case 'r': options.rate = atof(optarg); break;
            default: return fprintf(stderr, "sip_load: see the head of sip_load.c\n"), 2;
        }
    allow_many_files();
    if (options.serve) return serve();
    if (!options.host || !options.own || parse_address(options.host, PORT, &server) || options.phones > 2000)
        return fprintf(stderr, "sip_load: -h HOST -l OWN\n"), 2;
    return load();
}
