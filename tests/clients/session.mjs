// One WebSocket as the tests see it, made with any class that has the interface of the browsers' WebSocket
// (https://websockets.spec.whatwg.org/). Messages travel between a test and this script as {text} or {base64}.

const DEADLINE = 5000; // Milliseconds that one step may take.

const encode = (data) =>
  typeof data === "string"
    ? { text: data }
    : { base64: btoa(Array.from(new Uint8Array(data), (byte) => String.fromCharCode(byte)).join("")) };

export const decode = ({ text, base64 }) => text ?? Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

export function within(promise, step) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end of "${step}" within ${DEADLINE} ms`)), DEADLINE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Session {
  #arrived = [];
  #arrival = () => {};

  constructor(socket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#arrive({ message: encode(data) }));
    socket.addEventListener("close", ({ code, reason, wasClean }) => this.#arrive({ close: { code, reason, wasClean } }));
    this.opened = new Promise((resolve) => {
      socket.addEventListener("open", () => resolve({ subprotocol: socket.protocol, extensions: socket.extensions }));
      socket.addEventListener("error", () => resolve({ rejected: {} }));
    });
  }

  send(...messages) {
    for (const message of messages) this.socket.send(decode(message));
  }

  async receive() {
    return (await this.#next("receive")).message;
  }

  close(code, reason) {
    if (code === null) this.socket.close();
    else this.socket.close(code, reason);
    return this.closed();
  }

  async closed() {
    return (await this.#next("closed")).close;
  }

  #arrive(item) {
    this.#arrived.push(item);
    this.#arrival();
  }

  async #next(step) {
    if (!this.#arrived.length) await within(new Promise((resolve) => (this.#arrival = resolve)), step);
    return this.#arrived.shift();
  }
}

// A function by which the tests open a WebSocket and then call the methods of its session, by name.
export function commands(open) {
  let session;
  return (name, ...values) => {
    if (name !== "open") return session[name](...values);
    session = open(...values);
    return within(session.opened, name);
  };
}
