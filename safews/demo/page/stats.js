// The statistics of the server's process, as they move: small charts of the last minute, and all the counts.

import { byId, element, setText } from "./dom.js";
import { codeName, duration, size } from "./format.js";

const KEPT = 60; // samples, one for each second
const WIDTH = KEPT - 1;
const HEIGHT = 32;
const SVG = "http://www.w3.org/2000/svg";

const samples = []; // what the server told, the newest last

const count = (value) => Math.round(value).toLocaleString("en");

/** How much a counter has grown in each second between two samples. */
const rate = (name) => (now, before) => (now[name] - before[name]) / (now.time - before.time);

/** What the pings took that were answered between two samples; null without any. */
function roundTrip({ round_trips: now }, { round_trips: before }) {
  return now.count > before.count ? (now.seconds - before.seconds) / (now.count - before.count) : null;
}

const charts = [
  { id: "open", lines: [(now) => now.connections.open], words: count },
  { id: "ping", lines: [roundTrip], words: duration },
  { id: "messages", lines: [rate("messages_in"), rate("messages_out")], words: count },
  { id: "bytes", lines: [rate("bytes_in"), rate("bytes_out")], words: (value) => size(Math.round(value)) },
];

/** The values of a line, for each sample but the first, which has none before it. */
const valuesOf = (line) => samples.slice(1).map((now, index) => line(now, samples[index]));

/** The points of a line, the newest at the right; where there is no value it goes on from the last one. */
function points(values, highest) {
  return values.map((value, index) => [WIDTH - values.length + 1 + index, value])
    .filter(([, value]) => value !== null)
    .map(([x, value]) => `${x} ${(HEIGHT * (1 - value / highest)).toFixed(2)}`);
}

function draw({ id, lines, words }) {
  const figure = document.querySelector(`[data-chart=${id}]`);
  const drawn = lines.map(valuesOf);
  const highest = Math.max(...drawn.flat(), 0);
  const paths = drawn.map((values) => points(values, highest || 1));
  figure.querySelectorAll(".line").forEach((path, index) => {
    path.setAttribute("d", paths[index]?.length ? `M${paths[index].join("L")}` : "");
  });
  const [first] = paths;
  const left = first[0]?.split(" ")[0];
  const area = lines.length === 1 && first.length ? `M${left} ${HEIGHT}L${first.join("L")}V${HEIGHT}Z` : "";
  figure.querySelector(".area").setAttribute("d", area);
  figure.querySelectorAll(".value").forEach((cell, index) => {
    const last = drawn[index].findLast((value) => value !== null);
    setText(cell, last === undefined ? "–" : words(last));
  });
  const peak = figure.querySelector(".peak");
  if (peak) setText(peak, first.length ? `peak ${words(highest)}` : "");
}

function bar(share) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 100 12");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", `M0 6H${(100 * share).toFixed(1)}`);
  picture.append(path);
  return picture;
}

function listOf([title, counts]) {
  const block = element("div");
  const list = element("ol");
  const some = counts.filter(([, number]) => number);
  const highest = Math.max(...some.map(([, number]) => number));
  for (const [name, number, meaning = name] of some) {
    const item = element("li");
    item.title = meaning;
    item.append(element("span", "", name), bar(number / highest), element("b", "", count(number)));
    list.append(item);
  }
  if (!some.length) list.append(element("li", "", "none"));
  block.append(element("h4", "", title), list);
  return block;
}

function showCounts({ connections, handshakes, closes, aborts, dropped, ...stats }) {
  byId("counts").replaceChildren(...[
    ["Connections by state", Object.entries(connections)],
    ["Handshakes by outcome", Object.entries(handshakes)],
    ["Closes", closes.sort(([one], [other]) => one - other)
      .map(([code, by, number]) => [`${code} by ${by}`, number, `${code} ${codeName(code)}`])],
    ["Cut off", Object.entries(aborts).map(([cause, number]) => [cause.replace("_", " "), number])],
    ["Messages", [["in", stats.messages_in], ["out", stats.messages_out], ["dropped", dropped]]],
  ].map(listOf));
}

/** Begin anew: with a server that was started anew. */
export function forgetStats() {
  samples.length = 0;
}

export function showStats(stats) {
  samples.push(stats);
  if (samples.length > KEPT + 1) samples.shift();
  charts.forEach(draw);
  showCounts(stats);
}
