// A row of the list of connections.

import { element, fromTemplate, setText } from "./dom.js";
import { clock, duration, size } from "./format.js";

const CALM = (code) => code === 1000 || code === 1001 || code === 1012 || code >= 3000;
const GOES_ON = ["connecting", "open", "closing"];
const traffic = (count, bytes) => (count ? `${count} · ${size(bytes)}` : "–");
const messages = (count) => `${count} ${count === 1 ? "message" : "messages"}`;

/** Say in one word how it is or ended, which gives the row its colour. */
function tone({ state, end }) {
  if (state === "refused" || state === "gone") return "refused";
  if (!end) return "going";
  if (end.by === "network") return "cut";
  return CALM(end.code) ? "calm" : "bad";
}

function ending({ state, status, end }) {
  if (state === "refused") return `HTTP ${status}`;
  if (state === "gone") return "left unanswered";
  return end ? `${end.code} ${end.name}` : state;
}

function why({ state, error, end, waited }) {
  if (end) return [`by ${end.by}`, end.reason && `“${end.reason}”`, error || end.detail].filter(Boolean).join(" · ");
  if (state === "refused") return error || "by app";
  return waited >= 0.1 ? `send has waited ${duration(waited)}` : "";
}

function facts({ path, client, began_at, end, error, waited, messages_in, messages_out, bytes_in, bytes_out }) {
  const inner = (count, bytes) => `${messages(count)}, ${size(bytes)}`;
  const wire = (bytes) => (end ? `; ${size(bytes)} on the wire` : "");
  return [
    ["Path", path],
    ["Client", client],
    ["Began at", clock(began_at)],
    ["In", inner(messages_in, bytes_in) + wire(end?.bytes_in)],
    ["Out", inner(messages_out, bytes_out) + wire(end?.bytes_out)],
    ["send waited", waited ? duration(waited) : ""],
    ["Last ping", typeof end?.ping === "number" ? duration(end.ping) : ""],
    ["Reason", end?.reason],
    ["Detail", end?.detail],
    ["Closing", end && (end.clean ? "a Close went both ways" : "not clean")],
    ["App’s error", error],
  ].filter(([, text]) => text);
}

export class ConnectionView {
  #seen;
  #cells;

  constructor() {
    this.item = fromTemplate("connection-template");
    this.#cells = Object.fromEntries(["path", "peer", "ending", "why", "time", "facts"].map(
      (name) => [name, this.item.querySelector(`.${name}`)]));
    for (const way of ["in", "out"]) this.#cells[way] = this.item.querySelector(`.${way} .count`);
  }

  show(seen) {
    this.#seen = seen;
    this.item.dataset.state = seen.state;
    this.item.dataset.by = seen.end?.by ?? "";
    this.item.dataset.tone = tone(seen);
    const { path, client } = seen;
    const cells = {
      path, peer: client, ending: ending(seen), why: why(seen),
      in: traffic(seen.messages_in, seen.bytes_in), out: traffic(seen.messages_out, seen.bytes_out),
    };
    for (const [name, text] of Object.entries(cells)) {
      setText(this.#cells[name], text);
      this.#cells[name].title = text;
    }
    this.#cells.facts.replaceChildren(...facts(seen).map(([name, text]) => {
      const pair = element("div");
      pair.append(element("dt", "", name), element("dd", "", text));
      return pair;
    }));
    this.tick();
  }

  /** Show how long it has been open. */
  tick() {
    const { state, began_at, end } = this.#seen;
    const open = end ? end.seconds : Math.max(0, Date.now() / 1000 - began_at);
    setText(this.#cells.time, end || GOES_ON.includes(state) ? duration(open) : "–");
  }
}
