// The console: one connection to the echo, driven by hand.

import { allow, append, byId, element, isAllowed, setText } from "./dom.js";
import { asHex, codeName, duration, fromHex, size } from "./format.js";
import { address } from "./line.js";

const MOST_ENTRIES = 300;
const MOST_SHOWN = 2000; // characters, or bytes, of a message
const EXAMPLES = { text: "Hello, WebSocket!", binary: "00 01 fe ff" };

let socket = null;
let sentAt = [];

function show(kind, who, text, note = "") {
  const item = element("li", kind);
  item.append(element("b", "", who), element("span", "", text), element("small", "", note));
  append(byId("transcript"), item, MOST_ENTRIES);
}

function setState(state, text) {
  byId("console-state").dataset.state = state;
  setText(byId("console-state"), text);
  allow(byId("send-button"), state === "open");
  allow(byId("close-button"), state === "open");
  allow(byId("connect"), !["connecting", "open", "closing"].includes(state));
}

function problem(text) {
  setText(byId("console-problem"), text);
}

function contents(data) {
  if (typeof data === "string") {
    const shown = data.length > MOST_SHOWN ? `${data.slice(0, MOST_SHOWN)}…` : data;
    return [shown || "(empty)", `text, ${size(new TextEncoder().encode(data).length)}`];
  }
  const bytes = new Uint8Array(data);
  const shown = asHex(bytes.subarray(0, MOST_SHOWN)) + (bytes.length > MOST_SHOWN ? " …" : "");
  return [shown || "(empty)", `binary, ${size(bytes.length)}`];
}

function connect() {
  if (!isAllowed(byId("connect"))) return;
  problem("");
  sentAt = [];
  setState("connecting", "connecting");
  socket = new WebSocket(address("/echo"));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    setState("open", "open");
    show("event", "opened", socket.extensions ? `with ${socket.extensions}` : "without extensions");
  };
  socket.onmessage = ({ data }) => {
    const [text, note] = contents(data);
    show("received", "received", text, `${note}, ${duration((performance.now() - sentAt.shift()) / 1000)}`);
  };
  socket.onclose = ({ code, reason, wasClean }) => {
    setState(wasClean ? "closed" : "failed", `closed ${code}`);
    show(wasClean ? "event" : "failed", "closed", `${code} ${codeName(code)}${reason && `: ${reason}`}`);
  };
}

const isBinary = () => document.querySelector("input[name=kind]:checked").value === "binary";

function send() {
  if (!isAllowed(byId("send-button"))) {
    problem("Connect first.");
    return;
  }
  const text = byId("message").value;
  const data = isBinary() ? fromHex(text) : text;
  problem(data === null ? "Not hexadecimal: write pairs of digits such as 00 ff 10." : "");
  if (data === null) return;
  sentAt.push(performance.now());
  socket.send(data);
  show("sent", "sent", ...contents(data));
}

function close() {
  if (!isAllowed(byId("close-button"))) {
    problem("Connect first.");
    return;
  }
  try {
    socket.close(Number(byId("code").value), byId("reason").value);
    problem("");
    setState("closing", "closing");
  } catch (error) {
    problem(error.name === "SyntaxError"
      ? "The reason is too long: a Close has room for 123 bytes."
      : "A browser sends no code but 1000 and 3000 to 4999.");
  }
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    action();
  });
}

export function startConsole() {
  setState("idle", "not connected");
  byId("connect").addEventListener("click", connect);
  onSubmit("send", send);
  onSubmit("close", close);
  byId("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    }
  });
  for (const choice of document.getElementsByName("kind")) {
    choice.addEventListener("change", () => {
      byId("message").value = EXAMPLES[choice.value];
      setText(byId("message-label"), isBinary() ? "Bytes, in hexadecimal" : "Message");
      problem("");
    });
  }
}
