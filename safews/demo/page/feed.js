// The live view: what the server tells of its connections and its log.

import { append, byId, element, setText } from "./dom.js";
import { clock, size } from "./format.js";
import { ConnectionView } from "./connection.js";
import { address } from "./line.js";
import { forgetStats, showStats } from "./stats.js";

const MOST_LINES = 200; // as the server keeps
const MOST_CONNECTIONS = 150;
const ENDED = ["closed", "refused", "gone"];
const RETRY = 1000; // milliseconds

const views = new Map(); // by the connection's id
const waiting = new Set();

/** Wait until a connection has ended that `matches` takes. */
export function ended(matches) {
  return new Promise((resolve) => { waiting.add({ matches, resolve }); });
}

function tellWaiting(seen) {
  if (!ENDED.includes(seen.state)) return;
  for (const waiter of waiting) {
    if (waiter.matches(seen)) {
      waiting.delete(waiter);
      waiter.resolve(seen);
    }
  }
}

function showConnection(seen) {
  let view = views.get(seen.id);
  if (!view) {
    view = new ConnectionView();
    views.set(seen.id, view);
    view.show(seen);
    append(byId("connections"), view.item, MOST_CONNECTIONS);
  } else {
    view.show(seen);
  }
  tellWaiting(seen);
}

function showLine({ time, level, text, trace }) {
  const item = element("li", level);
  item.append(element("time", "", clock(time)), element("b", "", level));
  if (trace) {
    const details = element("details");
    const lines = trace.trimEnd().split("\n");
    const summary = element("summary");
    summary.append(element("span", "", `${text}: ${lines.at(-1)}`));
    details.append(summary, element("pre", "", trace.trimEnd()));
    item.append(details);
  } else {
    item.append(element("span", "", text));
  }
  append(byId("log"), item, MOST_LINES);
}

function showTotals(totals) {
  for (const cell of document.querySelectorAll("[data-total]")) {
    const { total } = cell.dataset;
    const value = totals[total] ?? 0;
    setText(cell, total.startsWith("bytes") ? size(value) : value.toLocaleString("en"));
  }
}

function setState(state, text) {
  byId("feed").dataset.state = state;
  setText(byId("feed"), text);
}

function connect() {
  const socket = new WebSocket(address("/live"));
  socket.onopen = () => {
    // It begins with everything that the server knows; a server that was started anew knows nothing of before.
    views.clear();
    byId("connections").replaceChildren();
    byId("log").replaceChildren();
    forgetStats();
    setState("live", "live");
  };
  socket.onmessage = ({ data }) => {
    const news = JSON.parse(data);
    if (news.stats) {
      showStats(news.stats);
      return;
    }
    showTotals(news.totals);
    news.connections.forEach(showConnection);
    news.log.forEach(showLine);
  };
  socket.onclose = () => {
    setState("lost", "server is away");
    setTimeout(connect, RETRY);
  };
}

export function startFeed() {
  connect();
  setInterval(() => views.forEach((view) => view.tick()), 1000);
}
