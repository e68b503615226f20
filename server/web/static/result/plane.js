// The flux plane: colours, axes in metres, colour bar, samples, and what is at the cross.
import { drawScale, errorScale, fluxScale, own } from "./colours.js";
import { samplesOf } from "./ground.js";
import { massUnit, plain, tick, ticks } from "./numbers.js";
import { byId, page, say } from "./page.js";
import { sheet } from "./sheet.js";

const MARGIN = { left: 54, top: 14, right: 84, bottom: 46 };
const TALLEST = 420;
const LOWEST = 150;
const NARROW = 500; // from here on less room for each sample
const MOST_SAMPLES = 3000;

export function planeFigure(view) {
  const canvas = byId("plane-canvas");
  const samples = samplesOf(view, MOST_SAMPLES);
  const state = { gas: null, of: "flux", samples: true, column: 0, row: 0, box: null };
  const planeOf = () => view.gases[state.gas].plane;

  const redraw = sheet(canvas, (context, width, height) => draw(context, width, height), (width) => shape(planeOf(), width).height);

  function draw(context, width) {
    const plane = planeOf();
    const values = plane[state.of];
    const colours = state.of === "flux" ? fluxScale(values) : errorScale(values);
    const box = (state.box = shape(plane, width));
    context.fillStyle = own("track");
    context.fillRect(box.x, box.y, box.width, box.rise);
    context.imageSmoothingEnabled = false;
    context.drawImage(picture(plane, values, colours), box.x, box.y, box.width, box.rise);
    hatch(context, plane, box, colours.dots);
    if (state.samples) drawSamples(context, plane, box, colours);
    drawAxes(context, plane, box);
    drawBar(context, colours, box);
    drawCross(context, plane, box);
  }

  function drawSamples(context, plane, box, colours) {
    const flux = view.gases[state.gas].flux;
    context.lineWidth = 0.7;
    context.strokeStyle = colours.dots;
    for (const { point, x, z } of samples) {
      context.beginPath();
      context.arc(toX(plane, box, x), toY(plane, box, z), box.width < NARROW ? 1.4 : 2.4, 0, 7);
      if (state.of === "flux" && flux[point] !== null) {
        context.fillStyle = colours.css(flux[point]);
        context.fill();
      }
      context.stroke();
    }
  }

  function drawCross(context, plane, box) {
    const [x, y] = [toX(plane, box, plane.x0 + state.column * plane.dx), toY(plane, box, plane.z0 + state.row * plane.dz)];
    for (const [colour, wide] of [["#000000", 3], ["#ffffff", 1.4]]) {
      context.strokeStyle = colour;
      context.lineWidth = wide;
      context.beginPath();
      context.moveTo(x - 9, y);
      context.lineTo(x + 9, y);
      context.moveTo(x, y - 9);
      context.lineTo(x, y + 9);
      context.stroke();
    }
  }

  function read() {
    const plane = planeOf();
    const cell = state.row * plane.nx + state.column;
    const place = say("at", { x: tick(plane.x0 + state.column * plane.dx, 0.1), z: tick(plane.z0 + state.row * plane.dz, 0.1) });
    const flux = plane.flux[cell];
    const told = flux === null ? say("nothing") : `${say("flux")} ${shown(flux)}${page.words.comma}${say("error")} ${shown(plane.error[cell])}`;
    const beyond = flux !== null && !plane.sampled[cell] ? ` (${say("extrapolated")})` : "";
    byId("plane-reading").textContent = `${place}${page.words.colon}${told}${beyond}`;
    redraw();
  }

  // In the unit of the colour bar.
  function shown(value) {
    const { factor, unit } = massUnit(fluxScale(planeOf().flux).high);
    return value === null ? "–" : `${plain(value * factor, 4)} ${unit} m⁻² h⁻¹`;
  }

  function go(column, row) {
    const plane = planeOf();
    state.column = Math.min(plane.nx - 1, Math.max(0, column));
    state.row = Math.min(plane.nz - 1, Math.max(0, row));
    read();
  }

  function point(event) {
    const place = canvas.getBoundingClientRect();
    const [plane, box] = [planeOf(), state.box];
    const column = Math.floor(((event.clientX - place.left - box.x) / box.width) * plane.nx);
    const row = Math.floor((1 - (event.clientY - place.top - box.y) / box.rise) * plane.nz);
    if (column >= 0 && column < plane.nx && row >= 0 && row < plane.nz) go(column, row);
  }

  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 10 : 1;
    const step = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] }[event.key];
    if (!step) return;
    event.preventDefault();
    go(state.column + step[0], state.row + step[1]);
  });
  for (const choice of document.getElementsByName("plane-of")) {
    choice.addEventListener("change", () => {
      state.of = choice.value;
      redraw();
    });
  }
  byId("plane-samples").addEventListener("change", (event) => {
    state.samples = event.target.checked;
    redraw();
  });

  return (gas) => {
    state.gas = gas;
    const plane = planeOf();
    // The cross begins where most gas goes through.
    const highest = plane.flux.reduce((best, value, cell) => (value !== null && value > (plane.flux[best] ?? -Infinity) ? cell : best), 0);
    go(highest % plane.nx, Math.floor(highest / plane.nx));
  };
}

// Where the plane lies on the sheet: equal scales where that can be read, else heights drawn too large.
function shape(plane, width) {
  const inside = width - MARGIN.left - MARGIN.right;
  const [length, rise] = [plane.nx * plane.dx, plane.nz * plane.dz];
  const times = [1, 2, 3, 4, 5, 7, 10, 20].find((one) => ((inside * rise) / length) * one >= Math.max(LOWEST, 0.26 * inside)) ?? 50;
  const tall = ((inside * rise) / length) * times;
  const wide = tall > TALLEST ? Math.max(150, (inside * TALLEST) / tall) : inside;
  const high = Math.min(tall, TALLEST);
  return { x: MARGIN.left, y: MARGIN.top, width: wide, rise: high, height: high + MARGIN.top + MARGIN.bottom, times: Math.round(((high / rise) * length * 10) / wide) / 10 };
}

function toX(plane, box, x) {
  return box.x + ((x - plane.x0 + plane.dx / 2) / (plane.nx * plane.dx)) * box.width;
}

function toY(plane, box, z) {
  return box.y + box.rise - ((z - plane.z0 + plane.dz / 2) / (plane.nz * plane.dz)) * box.rise;
}

function picture(plane, values, colours) {
  const small = document.createElement("canvas");
  small.width = plane.nx;
  small.height = plane.nz;
  const pixels = new ImageData(plane.nx, plane.nz);
  values.forEach((value, cell) => {
    if (value === null) return;
    const row = plane.nz - 1 - Math.floor(cell / plane.nx);
    pixels.data.set([...colours.rgb(value), 255], 4 * (row * plane.nx + (cell % plane.nx)));
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}

// Lines over what lies beyond the samples.
function hatch(context, plane, box, colour) {
  const [wide, high] = [box.width / plane.nx, box.rise / plane.nz];
  context.save();
  context.beginPath();
  plane.sampled.forEach((yes, cell) => {
    if (yes || plane.flux[cell] === null) return;
    context.rect(box.x + (cell % plane.nx) * wide, box.y + box.rise - (Math.floor(cell / plane.nx) + 1) * high, wide + 0.5, high + 0.5);
  });
  context.clip();
  context.globalAlpha = 0.45;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let place = -box.rise; place < box.width; place += 8) {
    context.moveTo(box.x + place, box.y + box.rise);
    context.lineTo(box.x + place + box.rise, box.y);
  }
  context.stroke();
  context.restore();
}

function drawAxes(context, plane, box) {
  context.strokeStyle = own("soft");
  context.fillStyle = own("ink");
  context.lineWidth = 1;
  context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.rise - 1);
  context.textAlign = "center";
  context.textBaseline = "top";
  const along = ticks(plane.x0 - plane.dx / 2, plane.x0 + (plane.nx - 0.5) * plane.dx, box.width / 90);
  for (const x of along.places) {
    const place = toX(plane, box, x);
    context.fillRect(place, box.y + box.rise, 1, 5);
    context.fillText(tick(x, along.step), place, box.y + box.rise + 7);
  }
  byId("plane-scale").textContent = box.times > 1.05 ? say("exaggerated", { times: box.times }) : "";
  context.fillText(say(page.kind === "spiral" ? "around" : "along"), box.x + box.width / 2, box.y + box.rise + 25, box.width + 100);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const up = ticks(plane.z0 - plane.dz / 2, plane.z0 + (plane.nz - 0.5) * plane.dz, box.rise / 45);
  for (const z of up.places) {
    const place = toY(plane, box, z);
    context.fillRect(box.x - 5, place, 5, 1);
    context.fillText(tick(z, up.step), box.x - 8, place);
  }
  context.save();
  context.translate(12, box.y + box.rise / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(say("height"), 0, 0, box.rise + 40);
  context.restore();
}

function drawBar(context, colours, box) {
  const { factor, unit } = massUnit(colours.high);
  const x = box.x + box.width + 14;
  drawScale(context, colours, x, box.y, 14, box.rise, true);
  context.strokeStyle = own("soft");
  context.strokeRect(x + 0.5, box.y + 0.5, 13, box.rise - 1);
  context.fillStyle = own("ink");
  context.textAlign = "left";
  context.textBaseline = "middle";
  const marks = ticks(colours.low * factor, colours.high * factor, box.rise / 45);
  for (const value of marks.places) {
    const place = box.y + box.rise * (1 - (value / factor - colours.low) / (colours.high - colours.low));
    context.fillRect(x + 14, place, 4, 1);
    context.fillText(tick(value, marks.step), x + 20, place);
  }
  context.textBaseline = "top";
  context.textAlign = "right";
  context.fillText(`${unit} m⁻² h⁻¹`, x + 70, box.y + box.rise + 7);
}
