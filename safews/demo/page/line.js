// A WebSocket whose events can be awaited.

export const address = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

export class Line {
  #messages = [];
  #readers = [];

  /** `view` is the window whose WebSocket it is: it ends with that window. */
  constructor(path, view = window) {
    this.socket = new view.WebSocket(address(path));
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener("open", () => resolve(), { once: true });
      this.socket.addEventListener("close", () => reject(new Error("it was not opened")), { once: true });
    });
    // Cases that expect a refusal do not ask for it.
    this.opened.catch(() => {});
    let wasOpen = false;
    this.socket.addEventListener("open", () => { wasOpen = true; });
    /** How this end saw it end: whether it was ever open, the code, the reason. */
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", ({ code, reason }) => {
        for (const reader of this.#readers) reader.reject(new Error(`it was closed with ${code}`));
        resolve({ wasOpen, code, reason });
      });
    });
    this.socket.addEventListener("message", ({ data }) => {
      const reader = this.#readers.shift();
      if (reader) reader.resolve(data);
      else this.#messages.push(data);
    });
  }

  send(data) {
    this.socket.send(data);
  }

  /** The next message. */
  message() {
    if (this.#messages.length) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve, reject) => { this.#readers.push({ resolve, reject }); });
  }

  close(code, reason) {
    this.socket.close(code, reason);
    return this.closed;
  }
}
