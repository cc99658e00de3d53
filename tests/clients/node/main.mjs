// A client that does what it is told to on standard input: each line is a JSON array, a command and its values, and is
// answered by a line with the result or the error. The argument says which WebSocket it is: "ws" or "undici".

import { createInterface } from "node:readline";
import { WebSocket as WS } from "ws";
import { commands, decode, Session, within } from "../session.mjs";

class WSSession extends Session {
  constructor(socket) {
    super(socket);
    const rejected = new Promise((resolve) => {
      socket.on("unexpected-response", async (request, response) => {
        const body = (await response.toArray()).join("");
        resolve({ rejected: { status: response.statusCode, body } });
        request.destroy();
      });
    });
    this.opened = Promise.race([this.opened, rejected]);
  }

  sendFragments(...parts) {
    for (const [index, part] of parts.entries()) {
      this.socket.send(decode(part), { fin: index === parts.length - 1, binary: !("text" in part) });
    }
  }

  async ping(payload) {
    const pong = new Promise((resolve) => this.socket.once("pong", resolve));
    this.socket.ping(payload);
    return (await within(pong, "ping")).toString();
  }
}

const OPEN = {
  ws: (url, subprotocols) => new WSSession(new WS(url, subprotocols)),
  undici: (url, subprotocols) => new Session(new WebSocket(url, subprotocols)),
};
const call = commands(OPEN[process.argv[2]]);

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { result: (await call(...JSON.parse(line))) ?? null };
  } catch (error) {
    answer = { error: error.stack };
  }
  console.log(JSON.stringify(answer));
}
