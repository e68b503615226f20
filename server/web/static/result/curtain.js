// The curtain in three dimensions: the plane's cells on its line on the ground, with the track; far things are drawn first.
import { fluxScale, own } from "./colours.js";
import { tick, ticks } from "./numbers.js";
import { byId, say } from "./page.js";
import { sheet } from "./sheet.js";

const MOST_COLUMNS = 90;
const MOST_ROWS = 30;
const MOST_POINTS = 900;
const TURN_PER_SECOND = 0.25; // radians
const KEY_STEP = 0.12; // radians

export function curtainFigure(view) {
  const canvas = byId("three-canvas");
  const scene = sceneOf(view);
  const eye = { yaw: 0.6, pitch: 0.42, zoom: 1 };
  let [cells, colours, tracked] = [[], null, []];

  const redraw = sheet(canvas, (context, width, height) => {
    if (colours) draw(context, width, height, scene, eye, [...cells, ...tracked], colours);
  });
  const turning = turner(canvas, eye, redraw);
  handle(canvas, eye, redraw, turning.stop);
  const zoom = (times) => {
    eye.zoom = Math.min(8, Math.max(0.4, eye.zoom * times));
    redraw();
  };
  byId("three-nearer").addEventListener("click", () => zoom(1.25));
  byId("three-farther").addEventListener("click", () => zoom(0.8));

  return (gas) => {
    const { plane, flux } = view.gases[gas];
    colours = fluxScale(plane.flux);
    cells = cellsOf(plane, view.ground);
    tracked = piecesOf(view.track, flux);
    redraw();
  };
}

// Middle, size and ground of what is seen, in metres.
function sceneOf({ track, ground, gases }) {
  const easts = [...track.east, ...ground.east].filter((value) => value !== null);
  const norths = [...track.north, ...ground.north].filter((value) => value !== null);
  const span = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const [east, north] = [span(easts), span(norths)];
  const planes = Object.values(gases).map((gas) => gas.plane);
  const top = Math.max(...planes.map((plane) => plane.z0 + plane.nz * plane.dz), ...track.height.filter((value) => value !== null));
  const size = Math.max(Math.hypot(east[1] - east[0], north[1] - north[0]), 1);
  const times = [1, 2, 3, 5, 10, 20].find((one) => top * one >= 0.22 * size) ?? 20;
  const line = ground.east.map((one, row) => [one, ground.north[row], ground.height?.[row] ?? 0]);
  return { east, north, top, size, times, line, middle: [(east[0] + east[1]) / 2, (north[0] + north[1]) / 2, top / 2] };
}

// Four corners a cell, several cells of the plane together where there are many.
function cellsOf(plane, ground) {
  const [wide, high] = [Math.ceil(plane.nx / MOST_COLUMNS), Math.ceil(plane.nz / MOST_ROWS)];
  const found = [];
  for (let column = 0; column < plane.nx; column += wide) {
    const end = Math.min(plane.nx, column + wide);
    const [a, b] = [edge(ground, plane, column), edge(ground, plane, end)];
    for (let row = 0; row < plane.nz; row += high) {
      const last = Math.min(plane.nz, row + high);
      const value = meanOf(plane, column, end, row, last);
      if (value === null) continue;
      const [low, top] = [plane.z0 + (row - 0.5) * plane.dz, plane.z0 + (last - 0.5) * plane.dz];
      found.push({ corners: [[...a, low], [...b, low], [...b, top], [...a, top]], value });
    }
  }
  return found;
}

function meanOf(plane, column, end, row, last) {
  let [sum, count] = [0, 0];
  for (let z = row; z < last; z += 1) {
    for (let x = column; x < end; x += 1) {
      const value = plane.flux[z * plane.nx + x];
      if (value !== null) [sum, count] = [sum + value, count + 1];
    }
  }
  return count ? sum / count : null;
}

// East and north of an edge between two columns.
function edge(ground, plane, number) {
  const x = plane.x0 + (number - 0.5) * plane.dx;
  let piece = ground.x.findIndex((one) => one > x) - 1;
  if (piece < 0) piece = x <= ground.x[0] ? 0 : ground.x.length - 2;
  const share = (x - ground.x[piece]) / (ground.x[piece + 1] - ground.x[piece] || 1);
  return ["east", "north"].map((name) => ground[name][piece] + share * (ground[name][piece + 1] - ground[name][piece]));
}

function piecesOf(track, flux) {
  const step = Math.max(1, Math.ceil(track.east.length / MOST_POINTS));
  const pieces = [];
  for (let row = 0; row + step < track.east.length; row += step) {
    const corners = [row, row + step].map((one) => [track.east[one], track.north[one], track.height[one]]);
    if (corners.flat().some((value) => value === null)) continue;
    pieces.push({ corners, value: track.kept[row] ? flux[row] : null });
  }
  return pieces;
}

function draw(context, width, height, scene, eye, things, colours) {
  const [cosine, sine] = [Math.cos(eye.yaw), Math.sin(eye.yaw)];
  const [up, down] = [Math.cos(eye.pitch), Math.sin(eye.pitch)];
  // All of it fits whichever way it is turned.
  const tall = scene.top * scene.times * up + scene.size * down;
  const scale = 0.84 * eye.zoom * Math.min(width / scene.size, height / tall);
  const seen = ([east, north, z]) => {
    const [e, n, h] = [east - scene.middle[0], north - scene.middle[1], (z - scene.middle[2]) * scene.times];
    const [across, away] = [e * cosine - n * sine, e * sine + n * cosine];
    return [width / 2 + scale * across, height / 2 - scale * (h * up + away * down), away * up - h * down];
  };
  drawGround(context, scene, seen, height);
  drawLine(context, scene, seen);
  const placed = things.map((thing) => {
    const corners = thing.corners.map(seen);
    return { corners, value: thing.value, away: corners.reduce((sum, corner) => sum + corner[2], 0) / corners.length };
  });
  placed.sort((a, b) => b.away - a.away);
  for (const { corners, value } of placed) {
    context.beginPath();
    corners.forEach(([x, y], number) => (number ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (corners.length === 4) {
      context.closePath();
      context.fillStyle = context.strokeStyle = colours.css(value);
      context.globalAlpha = 0.9;
      context.lineWidth = 0.6;
      context.fill();
    } else {
      context.globalAlpha = value === null ? 0.55 : 1;
      context.strokeStyle = own(value === null ? "soft" : "signal");
      context.lineWidth = value === null ? 0.8 : 1.2;
    }
    context.stroke();
  }
  context.globalAlpha = 1;
  drawNorth(context, width, cosine, sine, down);
}

function drawGround(context, scene, seen, height) {
  const { step } = ticks(0, scene.size, 6);
  const from = (low) => Math.floor(low / step) * step;
  const to = (high) => Math.ceil(high / step) * step;
  const [west, east, south, north] = [from(scene.east[0]), to(scene.east[1]), from(scene.north[0]), to(scene.north[1])];
  context.strokeStyle = own("grid");
  context.lineWidth = 1;
  context.beginPath();
  const line = (a, b) => {
    context.moveTo(...seen(a).slice(0, 2));
    context.lineTo(...seen(b).slice(0, 2));
  };
  for (let e = west; e <= east + step / 2; e += step) line([e, south, 0], [e, north, 0]);
  for (let n = south; n <= north + step / 2; n += step) line([west, n, 0], [east, n, 0]);
  context.stroke();
  // How high it is, at the corner of the ground.
  const marks = ticks(0, scene.top, 3);
  const corner = [west, south];
  context.strokeStyle = context.fillStyle = own("soft");
  context.beginPath();
  line([...corner, 0], [...corner, scene.top]);
  context.stroke();
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const z of marks.places) {
    const [x, y] = seen([...corner, z]);
    context.fillRect(x - 4, y, 8, 1);
    context.fillText(`${tick(z, marks.step)} m`, x - 7, y);
  }
  context.textAlign = "left";
  context.textBaseline = "bottom";
  const times = scene.times > 1 ? ` · ${say("exaggerated", { times: scene.times })}` : "";
  context.fillText(`${say("grid", { step: tick(step, step) })}${times}`, 4, height - 4);
}

// Where the plane stands.
function drawLine(context, { line }, seen) {
  context.strokeStyle = own("ink");
  context.lineWidth = 2;
  context.beginPath();
  line.forEach((place, number) => {
    const [x, y] = seen(place);
    if (number) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
  context.stroke();
}

function drawNorth(context, width, cosine, sine, down) {
  const [x, y] = [width - 36, 36];
  const tip = [x - 22 * sine, y - 22 * cosine * down];
  const tail = [x + 22 * sine, y + 22 * cosine * down];
  context.strokeStyle = context.fillStyle = own("ink");
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(...tail);
  context.lineTo(...tip);
  context.stroke();
  context.beginPath();
  context.arc(...tip, 4, 0, 7);
  context.fill();
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(say("north"), tip[0] - 11 * sine, tip[1] - 11 * cosine * down - 6);
}

// Turns it by itself while it is seen, until somebody takes it in hand; not where motion is unwanted.
function turner(canvas, eye, redraw) {
  const button = byId("three-turn");
  let [turns, visible, last] = [!window.matchMedia("(prefers-reduced-motion: reduce)").matches, false, null];
  const show = () => {
    button.textContent = say(turns ? "stop" : "turn");
    button.setAttribute("aria-pressed", String(turns));
  };
  const frame = (now) => {
    if (!turns || !visible) {
      last = null;
      return;
    }
    if (last !== null) eye.yaw += (TURN_PER_SECOND * Math.min(100, now - last)) / 1000;
    last = now;
    redraw();
    requestAnimationFrame(frame);
  };
  const set = (on) => {
    const begins = on && !turns;
    turns = on;
    show();
    if (begins && visible) requestAnimationFrame(frame);
  };
  new IntersectionObserver(([entry]) => {
    const begins = entry.isIntersecting && !visible;
    visible = entry.isIntersecting;
    if (begins && turns) requestAnimationFrame(frame);
  }).observe(canvas);
  button.addEventListener("click", () => set(!turns));
  show();
  return { stop: () => set(false) };
}

function handle(canvas, eye, redraw, stop) {
  const fingers = new Map();
  let apart = 0;
  const tilt = (by) => (eye.pitch = Math.min(1.5, Math.max(0.05, eye.pitch + by)));
  const distance = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) apart = distance();
    stop();
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) {
      const now = distance();
      eye.zoom = Math.min(8, Math.max(0.4, (eye.zoom * now) / (apart || now)));
      apart = now;
    } else {
      eye.yaw -= (event.clientX - before.x) * 0.01;
      tilt((event.clientY - before.y) * 0.008);
    }
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("keydown", (event) => {
    const keys = {
      ArrowLeft: () => (eye.yaw += KEY_STEP),
      ArrowRight: () => (eye.yaw -= KEY_STEP),
      ArrowUp: () => tilt(KEY_STEP),
      ArrowDown: () => tilt(-KEY_STEP),
      "+": () => (eye.zoom = Math.min(8, eye.zoom * 1.15)),
      "-": () => (eye.zoom = Math.max(0.4, eye.zoom / 1.15)),
    };
    const turn = keys[event.key === "=" ? "+" : event.key];
    if (!turn) return;
    event.preventDefault();
    stop();
    turn();
    redraw();
  });
}
