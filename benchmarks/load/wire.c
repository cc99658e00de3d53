#include <sys/types.h>

#include "figures.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH (1 << 20) /* bytes of small messages that one send may take */

enum { FIN = 0x80, OPCODE = 0x0f, CONTROL = 0x08, PING = 0x09, PONG = 0x0a, CLOSE = 0x08, MASKED = 0x80 };

settings options = {.window = 1};
uint64_t pings;

static bytes ring; /* the message over and over, so that one send takes many */
static char buffer[256 * 1024];

bytes read_file(const char *path) {
    struct stat info;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) < 0)
        fail(path);
    bytes file = {malloc(info.st_size + 1), info.st_size};
    for (size_t at = 0; at < file.size;) {
        ssize_t got = read(fd, file.data + at, file.size - at);
        if (got <= 0)
            fail(path);
        at += got;
    }
    close(fd);
    return file;
}

void prepare_messages(void) {
    uint64_t count = options.message.size ? BATCH / options.message.size : 1;
    if (count > options.window)
        count = options.window;
    if (count < 1)
        count = 1;
    ring.size = count * options.message.size;
    ring.data = malloc(ring.size + 1);
    for (uint64_t i = 0; i < count; i++)
        memcpy(ring.data + i * options.message.size, options.message.data, options.message.size);
}

void dial(connection *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(c, 0, sizeof *c);
    c->asked_at = now();
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("cannot connect");
    if (!options.raw && send(c->fd, options.request.data, options.request.size, MSG_NOSIGNAL) < 0)
        fail("cannot send the request");
}

void await_upgrade(connection *c) {
    char byte;
    do {
        errno = 0;
        if (recv(c->fd, &byte, 1, 0) != 1)
            fail("no answer to the request");
    } while (!ends_head(c, &byte, 1));
}

void stop_blocking(connection *c) {
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
        fail("fcntl");
}

bool ends_head(connection *c, const char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (c->head_size < sizeof c->status)
            c->status[c->head_size] = data[i];
        c->head_size++;
        memmove(c->head_end, c->head_end + 1, 3);
        c->head_end[3] = data[i];
        if (memcmp(c->head_end, "\r\n\r\n", 4))
            continue;
        errno = 0;
        if (!options.raw && memcmp(c->status, "HTTP/1.1 101", sizeof c->status))
            fail("the server has refused the handshake");
        return true;
    }
    return false;
}

ssize_t receive(connection *c, char **data) {
    ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno != EAGAIN)
        fail("the server broke a connection");
    *data = buffer;
    return got;
}

static size_t header_length(const connection *c) {
    if (c->header_size < 2)
        return 2;
    unsigned length = c->header[1] & 0x7f;
    return length == 126 ? 4 : length == 127 ? 10 : 2;
}

static void begin_frame(connection *c) {
    size_t length = header_length(c);
    c->frame_left = 0;
    for (size_t i = length == 2 ? 1 : 2; i < length; i++)
        c->frame_left = c->frame_left << 8 | c->header[i];
    errno = 0;
    if (c->header[1] & MASKED)
        fail("the server has masked a frame");
    if ((c->header[0] & OPCODE) == CLOSE)
        fail("the server has closed a connection");
    if (c->header[0] & CONTROL && c->frame_left > sizeof c->control)
        fail("the server has sent a long control frame");
    c->control_size = 0;
}

/* A masking key of zeros leaves the payload as it is. In the midst of a message a pong would tear it: left out then. */
static void answer_ping(connection *c) {
    unsigned char pong[6 + sizeof c->control] = {FIN | PONG, MASKED | c->control_size};
    if (c->sent % options.message.size)
        return;
    memcpy(pong + 6, c->control, c->control_size);
    if (send(c->fd, pong, 6 + c->control_size, MSG_NOSIGNAL) < 0)
        fail("cannot answer a ping");
    pings++;
}

/* Returns 1 where a message ends with this frame. */
static int end_frame(connection *c) {
    unsigned char first = c->header[0];
    c->header_size = 0;
    if (first & CONTROL) {
        if ((first & OPCODE) == PING)
            answer_ping(c);
        return 0;
    }
    if (!(first & FIN))
        return 0;
    errno = 0;
    if (options.reply_size && c->reply_size != options.reply_size)
        fail("a reply has not the size of the message");
    c->reply_size = 0;
    return 1;
}

static uint64_t count_raw(connection *c, size_t size) {
    uint64_t before = c->reply_size / options.message.size;
    c->reply_size += size;
    return c->reply_size / options.message.size - before;
}

uint64_t count_replies(connection *c, const char *data, size_t size) {
    if (options.raw)
        return count_raw(c, size);
    uint64_t replies = 0;
    while (size) {
        if (c->header_size < header_length(c)) {
            c->header[c->header_size++] = *data++;
            size--;
            if (c->header_size < header_length(c))
                continue;
            begin_frame(c);
        }
        size_t part = size < c->frame_left ? size : c->frame_left;
        if (c->header[0] & CONTROL) {
            memcpy(c->control + c->control_size, data, part);
            c->control_size += part;
        } else {
            c->reply_size += part;
        }
        data += part;
        size -= part;
        c->frame_left -= part;
        if (!c->frame_left)
            replies += end_frame(c);
    }
    return replies;
}

/* Waits until half the window is free: small messages then go out in batches, whatever the server's rhythm is. */
void send_messages(connection *c) {
    uint64_t size = options.message.size, limit = (c->replies + options.window) * size;
    bool whole = c->sent % size == 0;
    if (whole && c->sent / size - c->replies > options.window / 2)
        return;
    if (whole)
        c->asked_at = now();
    while (c->sent < limit) {
        size_t at = c->sent % ring.size, part = ring.size - at;
        if (part > limit - c->sent)
            part = limit - c->sent;
        ssize_t taken = send(c->fd, ring.data + at, part, MSG_NOSIGNAL);
        if (taken < 0 && errno == EAGAIN)
            return;
        if (taken < 0)
            fail("cannot send");
        c->sent += taken;
    }
}
