/* The client's side of a benchmark: keeps a server busy for a while and prints what that took, as JSON.
 *
 * Messages come ready made from a file, so that nothing is masked or compressed here, and replies are only counted. */
#include <sys/types.h>

#include "figures.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS 256

typedef void handler(connection *c, uint32_t events);

static handler echo, paced, broadcast, handshake, idle;

static struct {
    const char *name;
    handler *handle;
} modes[] = {{"echo", echo}, {"paced", paced}, {"broadcast", broadcast}, {"handshake", handshake}, {"idle", idle}};

static handler *handle;
static int count = 1;
static double warmup = 0.2, seconds = 1;
static uint64_t least = 1;
static double rate;         /* paced: messages a second, in all connections together */
static double opening_rate; /* connections opened in a second, 0 for as fast as the server answers */
static bool asks_first;     /* each connection has a message echoed when it is open */

static int poller;
static connection *connections;
static uint64_t done; /* messages, deliveries or handshakes */

static void watch(connection *c) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    stop_blocking(c);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) < 0)
        fail("epoll");
}

static uint64_t take_replies(connection *c) {
    uint64_t replies = 0;
    char *data;
    ssize_t got;
    while ((got = receive(c, &data)) > 0)
        replies += count_replies(c, data, got);
    errno = 0;
    if (got == 0)
        fail("the server ended a connection");
    c->replies += replies;
    done += replies;
    return replies;
}

/* echo: each connection keeps its window full */

static void echo(connection *c, uint32_t events) {
    if (events & (EPOLLIN | EPOLLRDHUP) && take_replies(c) && options.window == 1)
        latency_add(now() - c->asked_at);
    send_messages(c);
}

/* paced: messages in all connections together at a fixed rate, each connection in its turn, one on its way in each */

static int pacer;
static uint64_t due; /* so many are to be sent by now; of what cannot be made up for, no more than a tenth of a second's */

static void start_pacer(void) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    long period = 1e9 / rate;
    struct timespec each = {.tv_sec = period / 1000000000, .tv_nsec = period % 1000000000};
    struct itimerspec times = {.it_interval = each, .it_value = each};
    pacer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (pacer < 0 || timerfd_settime(pacer, 0, &times, NULL) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, pacer, &event) < 0)
        fail("timer");
}

static void read_pacer(void) {
    uint64_t ticks;
    if (read(pacer, &ticks, sizeof ticks) == sizeof ticks)
        due += ticks;
    errno = 0;
    if (due > 1 + rate / 10)
        due = 1 + rate / 10;
}

static void paced(connection *c, uint32_t events) {
    static int next;
    if (!c)
        read_pacer();
    else if (events & (EPOLLIN | EPOLLRDHUP) && take_replies(c))
        latency_add(now() - c->asked_at);
    for (; due && connections[next].sent == connections[next].replies * options.message.size; due--) {
        send_messages(&connections[next]);
        next = (next + 1) % count;
    }
}

/* broadcast: the first connection asks, and asks again when all have got it */

static void broadcast(connection *c, uint32_t events) {
    static int complete; /* so many have got the latest, in their order */
    connection *sender = connections;
    uint64_t asked = sender->sent / options.message.size;
    if (events & (EPOLLIN | EPOLLRDHUP))
        take_replies(c);
    if (asked) {
        while (complete < count && connections[complete].replies >= asked)
            complete++;
        if (complete < count)
            return;
        latency_add(now() - sender->asked_at);
        complete = 0;
    }
    send_messages(sender);
}

/* handshake: connect, upgrade, close, again and again */

static void begin_handshake(connection *c) {
    dial(c);
    watch(c);
}

/* The server ends TCP; a reset from us then leaves no port in TIME_WAIT. */
static void end_handshake(connection *c) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(c->fd);
    latency_add(now() - c->asked_at);
    done++;
    begin_handshake(c);
}

static void handshake(connection *c, uint32_t events) {
    char *data;
    ssize_t got;
    (void)events;
    while ((got = receive(c, &data)) > 0)
        if (!c->sent && ends_head(c, data, got)) {
            if (send(c->fd, options.message.data, options.message.size, MSG_NOSIGNAL) < 0)
                fail("cannot send the close");
            c->sent = options.message.size;
        }
    errno = 0;
    if (got)
        return;
    if (!c->sent)
        fail("no answer to the request");
    end_handshake(c);
}

/* idle: nothing is asked of the server, and its pings are answered */

static void idle(connection *c, uint32_t events) {
    (void)events;
    take_replies(c);
}

/* The run */

static void poll_once(double until) {
    struct epoll_event events[EVENTS];
    double wait = handle == idle ? until - now() : 1;
    int ready = epoll_wait(poller, events, EVENTS, wait > 0 ? (int)(wait * 1000) + 1 : 0);
    if (ready < 0 && errno != EINTR)
        fail("epoll");
    for (int i = 0; i < ready; i++)
        handle(events[i].data.ptr, events[i].events);
}

static void ask_first(connection *c) {
    char *data;
    ssize_t got;
    send_messages(c);
    while (!c->replies) {
        errno = 0;
        if ((got = receive(c, &data)) <= 0)
            fail("no answer to the first message");
        c->replies += count_replies(c, data, got);
    }
}

/* One after another, so that no backlog overflows. Where that takes long, pings are answered meanwhile. */
static void open_all(void) {
    double began = now();
    connections = calloc(count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        if (handle == idle)
            do
                poll_once(opening_rate ? began + i / opening_rate : 0);
            while (opening_rate && now() < began + i / opening_rate);
        dial(&connections[i]);
        if (handle != handshake)
            await_upgrade(&connections[i]);
        if (asks_first)
            ask_first(&connections[i]);
        watch(&connections[i]);
    }
    if (handle == paced)
        start_pacer();
}

/* The time is taken where something has just been done, so that it holds whole messages however long each takes. */
static snapshot run_until(double until, uint64_t enough) {
    for (;;) {
        uint64_t before = done;
        poll_once(until);
        if (now() >= until && done >= enough && (handle == idle || done > before))
            return take_snapshot();
    }
}

static void run(void) {
    long memory_before = server_memory();
    open_all();
    snapshot start = run_until(now() + warmup, handle == idle ? 0 : 1);
    long memory_after = server_memory();
    done = pings = 0;
    latency_clear();
    snapshot end = run_until(start.time + seconds, handle == idle ? 0 : least);
    long memory_end = server_memory();
    printf("{\"messages\": %" PRIu64 ", \"pings\": %" PRIu64 ", \"seconds\": %.9f, ", done, pings, end.time - start.time);
    printf("\"server_cpu\": %.9f, \"load_cpu\": %.9f, ", end.server_cpu - start.server_cpu, end.load_cpu - start.load_cpu);
    printf("\"p50\": %.9f, \"p99\": %.9f, ", latency_percentile(0.5), latency_percentile(0.99));
    printf("\"memory_before\": %ld, \"memory_open\": %ld, \"memory_end\": %ld}\n", memory_before, memory_after, memory_end);
}

static void choose_mode(const char *name) {
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(name, modes[i].name)) {
            handle = modes[i].handle;
            return;
        }
    fail("no such mode");
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"mode", 1, 0, 'm'},    {"port", 1, 0, 'p'},    {"raw", 0, 0, 'r'},       {"connections", 1, 0, 'c'},
        {"window", 1, 0, 'w'},  {"seconds", 1, 0, 's'}, {"warmup", 1, 0, 'u'},    {"least", 1, 0, 'l'},
        {"request", 1, 0, 'q'}, {"message", 1, 0, 'd'}, {"replies", 1, 0, 'e'},   {"server", 1, 0, 'v'},
        {"rate", 1, 0, 'a'},    {"opening", 1, 0, 'o'}, {"ask-first", 0, 0, 'f'}, {0},
    };
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (name) {
        case 'm': choose_mode(optarg); break;
        case 'p': options.port = atoi(optarg); break;
        case 'r': options.raw = true; break;
        case 'c': count = atoi(optarg); break;
        case 'w': options.window = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'u': warmup = atof(optarg); break;
        case 'l': least = atoi(optarg); break;
        case 'a': rate = atof(optarg); break;
        case 'o': opening_rate = atof(optarg); break;
        case 'f': asks_first = true; break;
        case 'q': options.request = read_file(optarg); break;
        case 'd': options.message = read_file(optarg); break;
        case 'e': options.reply_size = atoi(optarg); break;
        case 'v': watch_server(atoi(optarg)); break;
        default: exit(2);
        }
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    poller = epoll_create1(0);
    prepare_messages();
    run();
    return 0;
}
