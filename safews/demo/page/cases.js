// The cases: what each does, and how both ends should see it end.
//
// `row` is the row of docs/behaviour.md; `page` and `server` are what is expected, in the words of runner.js.
// `run(path)` makes the connection; `path(name)` is a path that the live view can tell from every other. It returns how
// this end saw it end, as `Line.closed` does or in the words of `page`, and perhaps a `note` to show beside it, and what
// `fails` for another reason.
// `seenAt` is where the path begins of the connection that the case is about, if there is another.
// A case with `fields` is run by `runWith(values)(path)`, and `expect(values)` says what is expected.

import { duration } from "./format.js";
import { Line, address } from "./line.js";

const LIMIT = 16 * 1024 * 1024; // uvicorn's ws_max_size
const BIG = 1024 * 1024;
const ECHOES = 20;
const PING_INTERVAL = 1000; // milliseconds, the demo's ws_ping_interval
const NEVER_OPEN = "1006, never open";

const justConnect = (name) => (path) => new Line(path(name)).closed;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function slow(path) {
  const started = performance.now();
  const line = new Line(path("/slow"));
  await line.opened;
  const note = `open after ${duration((performance.now() - started) / 1000)}`;
  return { ...await line.close(1000), note };
}

async function leave(path) {
  const line = new Line(path("/slow"));
  await pause(300);
  return line.close();
}

async function roundTrips(path) {
  const line = new Line(path("/echo"));
  await line.opened;
  const until = performance.now() + PING_INTERVAL * 1.5;
  const times = [];
  for (let count = 0; count < ECHOES; count += 1) {
    const started = performance.now();
    line.send("ping");
    await line.message();
    times.push((performance.now() - started) / 1000);
  }
  times.sort((one, other) => one - other);
  // Long enough for the server to ping too, which a page cannot see.
  await pause(until - performance.now());
  return { ...await line.close(1000), note: `echoed in ${duration(times[ECHOES / 2])}` };
}

function noise(length) {
  const bytes = new Uint8Array(length);
  for (let start = 0; start < length; start += 65536) crypto.getRandomValues(bytes.subarray(start, start + 65536));
  return bytes;
}

async function bigMessage(path) {
  const line = new Line(path("/echo"));
  await line.opened;
  const sent = noise(BIG);
  const started = performance.now();
  line.send(sent);
  const received = new Uint8Array(await line.message());
  const note = `in ${duration((performance.now() - started) / 1000)}`;
  const same = received.length === sent.length && received.every((byte, index) => byte === sent[index]);
  return { ...await line.close(1000), note, fails: same ? "" : "not the same bytes" };
}

async function tooBig(path) {
  const line = new Line(path("/echo"));
  await line.opened;
  line.send(new Uint8Array(LIMIT + 1));
  return line.closed;
}

async function flood(path) {
  const worker = new Worker("/slow.js");
  const end = new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = () => reject(new Error("the worker has failed"));
  });
  worker.postMessage(address(path("/flood")));
  try {
    const { count, inOrder, ...closed } = await end;
    return { ...closed, note: `${count} messages`, fails: inOrder ? "" : "out of order" };
  } finally {
    worker.terminate();
  }
}

async function crash(path) {
  const line = new Line(path("/crash"));
  await line.opened;
  line.send("fail now");
  return line.closed;
}

async function closeHere(path) {
  const line = new Line(path("/echo"));
  await line.opened;
  return line.close(4002, "done here");
}

function closeThere({ code, reason }) {
  const query = new URLSearchParams({ code, reason });
  return justConnect(`/close?${query}`);
}

async function closeTab(path) {
  const tab = document.createElement("iframe");
  tab.hidden = true;
  document.body.append(tab);
  const line = new Line(path("/echo"), tab.contentWindow);
  await line.opened;
  tab.remove();
  return { page: "is gone" };
}

async function cutLine(path) {
  const line = new Line(path("/cut"));
  await line.closed;
  return { page: "is not part of it" };
}

const mayBeSent = (code, reason) =>
  Number.isInteger(code) &&
  ((code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)) &&
  new TextEncoder().encode(reason).length <= 123;

export const groups = [
  { title: "Handshake", cases: [
    { name: "Refused", row: "H2", text: "The app closes before it accepts.",
      run: justConnect("/refuse"), page: NEVER_OPEN, server: "answered 403" },
    { name: "Refused with a body", row: "H6", text: "The app answers with a 429 and a text of its own, in two parts.",
      run: justConnect("/deny"), page: NEVER_OPEN, server: "answered 429" },
    { name: "Crash before accepting", row: "H4", text: "The app raises before it answers.",
      run: justConnect("/crash-early"), page: NEVER_OPEN, server: "answered 500" },
    { name: "Slow to accept", row: "H1", text: "The app thinks for 1.5 seconds, then accepts.",
      run: slow, page: "1000", server: "1000 by peer" },
    { name: "Left while waiting", row: "H8", text: "The same, but the page leaves before the answer.",
      run: leave, page: NEVER_OPEN, server: "left before the answer" },
  ] },
  { title: "Open", cases: [
    { name: "Round trips", row: "O2", text: "Twenty echoes one after another, and a ping of the server’s own.",
      run: roundTrips, page: "1000", server: "1000 by peer" },
    { name: "A big message", row: "O1", text: "One MiB of noise, there and back, compared byte by byte.",
      run: bigMessage, page: "1000", server: "1000 by peer" },
    { name: "Too big", row: "O9", text: "One byte above the limit of 16 MiB, much smaller on the wire.",
      run: tooBig, page: `1009 “message of more than ${LIMIT} bytes”`, server: "1009 by server" },
    { name: "A flood, read slowly", row: "O5", text: "The app sends 15 MiB; the page takes its time, so send waits.",
      run: flood, page: "1000 “that was all”", server: "1000 by app" },
    { name: "Crash while open", row: "C5", text: "The app raises on the first message.",
      run: crash, page: "1011", server: "1011 by app" },
  ] },
  { title: "Closing", cases: [
    { name: "Closed by the page", row: "C1", text: "With a code and a reason, which the server answers.",
      run: closeHere, page: "4002 “done here”", server: "4002 by peer" },
    { name: "Closed by the app", row: "C3", text: "With the code and the reason that you give it.",
      fields: { code: "4001", reason: "enough" },
      expect: ({ code, reason }) => mayBeSent(Number(code), reason)
        ? { page: `${Number(code)}${reason && ` “${reason}”`}`, server: `${Number(code)} by app` }
        : { page: "1011", server: "1011 by app" },
      runWith: closeThere },
    { name: "The app returns", row: "C4", text: "Without a word, while the connection is open.",
      run: justConnect("/leave"), page: "1000", server: "1000 by app" },
    { name: "A code that may not be sent", row: "C11", text: "The app closes with 1005: an error in the app, and the log says which.",
      run: justConnect("/close?code=1005"), page: "1011", server: "1011 by app" },
    { name: "The tab is closed", row: "C1", text: "A frame opens a connection and is removed.",
      run: closeTab, page: "is gone", server: "1001 by peer" },
    { name: "The line is cut", row: "C2", text: "Another client, of the demo’s own, resets TCP without a Close.",
      run: cutLine, seenAt: "/echo", page: "is not part of it", server: "1006 by network" },
  ] },
];
