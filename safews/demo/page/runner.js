// Shows the cases, runs them, and compares what both ends saw with what is expected.

import { allow, byId, element, fromTemplate, isAllowed, setText } from "./dom.js";
import { groups } from "./cases.js";
import { duration } from "./format.js";
import { ended } from "./feed.js";

const DEADLINE = 30_000; // milliseconds for a case
const token = crypto.getRandomValues(new Uint32Array(1))[0].toString(36).slice(-4);
let runs = 0;

const views = [];

/** Say how this end saw a connection end. */
function pageWords({ wasOpen, code, reason, page }) {
  return page ?? `${code}${wasOpen ? "" : ", never open"}${reason && ` “${reason}”`}`;
}

/** Say how the server saw it end. */
function serverWords({ state, status, end }) {
  if (state === "refused") return `answered ${status}`;
  if (state === "gone") return "left before the answer";
  return `${end.code} by ${end.by}`;
}

function serverNote({ error, end, waited }) {
  if (error) return error;
  if (waited >= 0.1) return `send waited ${duration(waited)}`;
  return typeof end?.ping === "number" ? `ping ${duration(end.ping)}` : "";
}

const withNote = (words, note) => (note ? `${words} · ${note}` : words);

function inTime(promise) {
  return Promise.race([promise, new Promise((_, reject) => {
    setTimeout(() => reject(new Error("no end within 30 s")), DEADLINE);
  })]);
}

class CaseView {
  #values = {};
  #cells;

  constructor(definition) {
    this.definition = definition;
    this.item = fromTemplate("case-template");
    const find = (selector) => this.item.querySelector(selector);
    this.#cells = { page: find(".page"), server: find(".server-end"), outcome: find(".outcome") };
    this.button = find("button");
    this.button.setAttribute("aria-label", `Run: ${definition.name}`);
    this.button.addEventListener("click", () => this.run());
    setText(find(".title"), definition.name);
    setText(find(".row"), definition.row);
    setText(find(".text"), definition.text);
    if (definition.fields) this.#addFields();
    this.#expect();
  }

  get #expected() {
    const { definition } = this;
    return definition.fields ? definition.expect(this.#values) : definition;
  }

  #addFields() {
    const row = element("div", "fields");
    for (const [name, value] of Object.entries(this.definition.fields)) {
      const field = element("div", `field ${name}`);
      const label = element("label", "", name === "code" ? "Code" : "Reason");
      const input = element("input");
      input.id = label.htmlFor = `case-${name}`;
      input.type = "text";
      input.autocomplete = "off";
      if (name === "code") input.inputMode = "numeric";
      input.value = this.#values[name] = value;
      input.addEventListener("input", () => {
        this.#values[name] = input.value;
        this.#expect();
      });
      field.append(label, input);
      row.append(field);
    }
    this.item.querySelector(".what").append(row);
  }

  #expect() {
    this.#show("none", this.#expected.page, this.#expected.server, "");
  }

  #show(outcome, page, server, words) {
    this.item.dataset.outcome = outcome;
    for (const [cell, text] of [[this.#cells.page, page], [this.#cells.server, server]]) {
      setText(cell, text);
      cell.title = text;
    }
    setText(this.#cells.outcome, words);
  }

  /** Run the case; says whether all was as expected. */
  async run() {
    if (!isAllowed(this.button)) return false;
    allow(this.button, false);
    this.#show("running", this.#expected.page, this.#expected.server, "running");
    const right = await this.#runOnce().catch((error) => {
      this.#show("wrong", `failed: ${error.message}`, "?", "not as expected");
      return false;
    });
    allow(this.button, true);
    setText(byId("announcer"), `${this.definition.name}: ${right ? "as expected" : "not as expected"}. ` +
      `Page: ${this.#cells.page.textContent}. Server: ${this.#cells.server.textContent}.`);
    return right;
  }

  async #runOnce() {
    const { definition } = this;
    const expected = this.#expected;
    runs += 1;
    const mark = `n=${token}-${runs}`;
    const path = (name) => `${name}${name.includes("?") ? "&" : "?"}${mark}`;
    const run = definition.fields ? definition.runWith(this.#values) : definition.run;
    const theirs = ended((seen) => seen.path.endsWith(mark) && seen.path.startsWith(definition.seenAt ?? "/"));
    const ours = await inTime(run(path));
    const seen = await inTime(theirs);
    const page = pageWords(ours);
    const server = serverWords(seen);
    const right = page === expected.page && server === expected.server && !ours.fails;
    this.#show(right ? "right" : "wrong", withNote(page, ours.fails || ours.note), withNote(server, serverNote(seen)),
      right ? "as expected" : "not as expected");
    return right;
  }
}

async function runAll() {
  if (!isAllowed(byId("run-all"))) return;
  allow(byId("run-all"), false);
  let right = 0;
  for (const [index, view] of views.entries()) {
    setText(byId("verdict"), `running ${index + 1} of ${views.length}`);
    if (await view.run()) right += 1;
  }
  setText(byId("verdict"), `${right} of ${views.length} as expected`);
  allow(byId("run-all"), true);
}

export function startCases() {
  for (const { title, cases } of groups) {
    const list = element("ol");
    for (const definition of cases) {
      const view = new CaseView(definition);
      views.push(view);
      list.append(view.item);
    }
    byId("case-groups").append(element("h4", "", title), list);
  }
  byId("run-all").addEventListener("click", runAll);
}
