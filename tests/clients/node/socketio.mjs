// socket.io's own client, over a WebSocket from the start and by way of polling: what it hears, one JSON value a line.
// The argument is the server's address. It ends by itself, or with an error after ten seconds.

import { io } from "socket.io-client";

const ADDRESS = process.argv[2];
const say = (value) => console.log(JSON.stringify(value));
const heard = (socket, event) => new Promise((resolve) => socket.once(event, resolve));

setTimeout(() => process.exit(1), 10_000).unref();

for (const transports of [["websocket"], ["polling", "websocket"]]) {
  const socket = io(ADDRESS, { transports, forceNew: true, reconnection: false });
  const upgraded = transports.length > 1 && new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
  const welcome = heard(socket, "welcome");
  await heard(socket, "connect");
  await upgraded;
  say({ transport: socket.io.engine.transport.name, welcome: await welcome });
  say(await socket.emitWithAck("echo", { text: "grüße", bytes: [1, 2] }));
  say({ bytes: (await socket.emitWithAck("echo", Buffer.from([0, 255])))["you said"].toString("hex") });
  const joined = heard(socket, "joined");
  socket.emit("join", "lobby");
  say({ joined: await joined });
  const ended = heard(socket, "disconnect");
  const closed = heard(socket.io.engine, "close");
  socket.disconnect();
  say({ ended: await ended });
  await closed;
}
