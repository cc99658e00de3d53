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
#include <unistd.h>

#define EVENTS 256

typedef void handler(connection *c, uint32_t events);

static handler echo, broadcast, handshake, idle;

static struct {
    const char *name;
    handler *handle;
} modes[] = {{"echo", echo}, {"broadcast", broadcast}, {"handshake", handshake}, {"idle", idle}};

static handler *handle;
static int count = 1;
static double warmup = 0.2, seconds = 1;
static uint64_t least = 1;

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

static void open_all(void) {
    connections = calloc(count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        dial(&connections[i]);
        if (handle != handshake)
            await_upgrade(&connections[i]);
        watch(&connections[i]);
    }
}

static void poll_once(double until) {
    struct epoll_event events[EVENTS];
    double wait = handle == idle ? until - now() : 1;
    int ready = epoll_wait(poller, events, EVENTS, wait > 0 ? (int)(wait * 1000) + 1 : 0);
    if (ready < 0 && errno != EINTR)
        fail("epoll");
    for (int i = 0; i < ready; i++)
        handle(events[i].data.ptr, events[i].events);
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
        {"mode", 1, 0, 'm'},    {"port", 1, 0, 'p'},    {"raw", 0, 0, 'r'},     {"connections", 1, 0, 'c'},
        {"window", 1, 0, 'w'},  {"seconds", 1, 0, 's'}, {"warmup", 1, 0, 'u'},  {"least", 1, 0, 'l'},
        {"request", 1, 0, 'q'}, {"message", 1, 0, 'd'}, {"replies", 1, 0, 'e'}, {"server", 1, 0, 'v'},
        {0},
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
