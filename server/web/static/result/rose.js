// The wind rose: where the wind came from, by speed, with the plane and the mean wind.
import { fluxScale } from "./colours.js";
import { plain, tick, ticks } from "./numbers.js";
import { byId, page, say } from "./page.js";

const SIZE = 320;
const RADIUS = 112;

function made(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Bearings run clockwise from the top.
function at(bearing, radius) {
  const angle = (bearing * Math.PI) / 180;
  return [radius * Math.sin(angle), -radius * Math.cos(angle)].map((number) => number.toFixed(2));
}

function petal(middle, width, inner, outer) {
  const [a, b, c, d] = [at(middle - width, inner), at(middle - width, outer), at(middle + width, outer), at(middle + width, inner)];
  return `M${a} L${b} A${outer} ${outer} 0 0 1 ${c} L${d} A${inner} ${inner} 0 0 0 ${a} Z`;
}

export function roseFigure({ wind }) {
  const said = say("rose", { speed: plain(wind.speed, 2), direction: Math.round(wind.direction) });
  const classes = Math.max(...wind.counts.map((counts) => counts.length));
  const rows = Math.ceil(classes / 3);
  const svg = made("svg", { viewBox: `${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE + 24 + 18 * rows}`, role: "img", "aria-label": said });
  const sums = wind.counts.map((counts) => counts.reduce((sum, count) => sum + count, 0));
  const total = sums.reduce((sum, count) => sum + count, 0) || 1;
  const top = (100 * Math.max(...sums)) / total || 1;
  const rings = ticks(0, top, 3);
  const outer = Math.ceil(top / rings.step) * rings.step;
  const radius = (percent) => (RADIUS * percent) / outer;
  // Strong winds stand out on light and dark alike.
  const colours = fluxScale([classes + 0.4]);
  for (let ring = rings.step; ring <= outer * 1.001; ring += rings.step) svg.append(made("circle", { class: "ring", r: radius(ring) }));
  wind.counts.forEach((counts, sector) => {
    let inner = 0;
    counts.forEach((count, number) => {
      if (!count) return;
      const end = inner + (100 * count) / total;
      const path = petal((360 / wind.sectors) * sector, (180 / wind.sectors) * 0.88, radius(inner), radius(end));
      svg.append(made("path", { d: path, fill: colours.css(number + 0.8) }));
      inner = end;
    });
  });
  if (page.kind === "curtain") {
    const [one, other] = [at(wind.plane_normal + 90, RADIUS + 6), at(wind.plane_normal - 90, RADIUS + 6)];
    svg.append(made("line", { class: "plane", x1: one[0], y1: one[1], x2: other[0], y2: other[1] }));
  }
  const [from, to] = [at(wind.direction, RADIUS + 10), at(wind.direction, RADIUS - 26)];
  svg.append(made("line", { class: "arrow", x1: from[0], y1: from[1], x2: to[0], y2: to[1] }));
  const [left, right, tip] = [at(wind.direction - 4, RADIUS - 22), at(wind.direction + 4, RADIUS - 22), at(wind.direction, RADIUS - 38)];
  svg.append(made("path", { class: "arrow", d: `M${left} L${right} L${tip} Z` }));
  // The numbers of the rings stand where least wind came from.
  const aside = (360 / wind.sectors) * sums.indexOf(Math.min(...sums));
  for (let ring = rings.step; ring <= outer * 1.001; ring += rings.step) {
    const [x, y] = at(aside, radius(ring));
    svg.append(made("text", { class: "soft-text", x, y, "text-anchor": "middle", "dominant-baseline": "middle" }, `${tick(ring, rings.step)} %`));
  }
  ["north", "east", "south", "west"].forEach((name, quarter) => {
    const [x, y] = at(90 * quarter, RADIUS + 24);
    svg.append(made("text", { x, y, "text-anchor": "middle", "dominant-baseline": "middle", "font-weight": 700 }, say(name)));
  });
  svg.append(made("text", { x: 0, y: SIZE / 2 - 2, "text-anchor": "middle" }, say("speed")));
  for (let number = 0; number < classes; number += 1) {
    const [x, y] = [-135 + 95 * (number % 3), SIZE / 2 + 10 + 18 * Math.floor(number / 3)];
    svg.append(made("rect", { x, y, width: 14, height: 12, rx: 2, fill: colours.css(number + 0.8) }));
    const [low, high] = [wind.speed_edges[number], wind.speed_edges[number + 1]];
    svg.append(made("text", { x: Number(x) + 20, y: y + 10 }, high === undefined ? `≥ ${low}` : `${low}–${high}`));
  }
  byId("wind-rose").replaceChildren(svg);
}
