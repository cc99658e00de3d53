/* A client's connection: opening it, counting what comes back, keeping messages on their way. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *data;
    size_t size;
} bytes;

typedef struct {
    int fd;
    uint64_t sent;    /* bytes of messages that the kernel has taken */
    uint64_t replies; /* whole messages that have come back */
    double asked_at;  /* when the last message, or the handshake, was begun */

    unsigned char header[10]; /* of the frame that is under way */
    size_t header_size;
    uint64_t frame_left;
    uint64_t reply_size;        /* payload bytes of the reply that is under way */
    unsigned char control[125]; /* payload of the control frame that is under way */
    size_t control_size;
    char status[12]; /* how the answer to the request begins */
    size_t head_size;
    char head_end[4]; /* the last bytes of it: an empty line ends it */
} connection;

typedef struct {
    int port;
    bool raw;            /* no WebSocket: bytes come back as they are, after an empty line for a greeting */
    uint64_t window;     /* messages on their way */
    uint64_t reply_size; /* bytes that each reply has to have, 0 for any */
    bytes request;       /* the upgrade request */
    bytes message;       /* one message, as its frames are on the wire */
} settings;

extern settings options;
extern uint64_t pings; /* how many of the server's have been answered */

bytes read_file(const char *path);
void prepare_messages(void);
void dial(connection *c);         /* connect, send the request */
void await_upgrade(connection *c); /* read the 101; reads no byte further */
void stop_blocking(connection *c);
bool ends_head(connection *c, const char *data, size_t size); /* whether the answer's head ends in these bytes */
ssize_t receive(connection *c, char **data);                  /* -1 for nothing more now, 0 for the end */
uint64_t count_replies(connection *c, const char *data, size_t size);
void send_messages(connection *c); /* as many as the window has room for */
