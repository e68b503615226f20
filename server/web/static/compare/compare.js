// Both planes of two runs on one colour scale, their difference, and what they are at the place pointed at.
import { cellAt, extent, range, subtract, union } from "./grid.js";
import { drawPlane, drawScale, layout, plain, scale } from "./picture.js";

const holder = document.getElementById("planes-data");
if (holder) start(JSON.parse(holder.textContent));

async function start(told) {
  const state = document.getElementById("planes-state");
  try {
    const [a, b] = await Promise.all([fetched(told.a), fetched(told.b)]);
    state.hidden = true;
    document.getElementById("planes-drawn").hidden = false;
    new Planes(told, a, b);
  } catch (error) {
    state.textContent = told.words.failed.replace("{reason}", error.message);
  }
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`.trim());
  return answer.json();
}

/** The pictures of one gas at a time. */
class Planes {
  constructor(told, a, b) {
    this.told = told;
    this.views = { a, b };
    this.output = document.getElementById("readout");
    this.pointed = null;
    this.canvases = {};
    for (const key of ["a", "b", "difference"]) {
      const canvas = document.getElementById(`plane-${key}`);
      if (canvas) this.listen(key, canvas);
    }
    const choice = document.getElementById("plane-gas");
    choice?.addEventListener("change", () => this.choose(choice.value));
    new ResizeObserver(() => this.draw()).observe(document.getElementById("planes"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.choose(choice ? choice.value : told.gases[0].gas);
  }

  choose(gas) {
    const a = this.views.a.gases[gas].plane, b = this.views.b.gases[gas].plane;
    // Where they can't be subtracted, how they lie to each other says nothing.
    this.shift = this.canvases.difference ? this.told.shift : 0;
    this.planes = { a, b };
    this.places = { a: extent(a), b: extent(b, this.shift) };
    this.frame = union(this.places.a, this.places.b);
    const [low, high] = range(a, b);
    // Little that flows upwind is noise, and shown as nothing.
    this.flux = scale(low < -0.1 * high ? low : 0, high, false);
    let greatest = Math.max(Math.abs(low), Math.abs(high));
    if (this.canvases.difference) {
      this.planes.difference = subtract(a, b, this.shift);
      this.places.difference = this.places.a;
      const most = Math.max(...range(this.planes.difference).map(Math.abs));
      this.signed = scale(-most, most, true);
    }
    [this.factor, this.unit] = greatest >= 0.01 || greatest === 0 ? [1, "kg m⁻² h⁻¹"] : greatest >= 1e-5 ? [1e3, "g m⁻² h⁻¹"] : [1e6, "mg m⁻² h⁻¹"];
    this.draw();
    this.tell();
  }

  draw() {
    for (const [key, canvas] of Object.entries(this.canvases)) {
      const colours = key === "difference" ? this.signed : this.flux;
      drawPlane(canvas, this.planes[key], this.places[key], this.frame, colours, this.told.words, this.pointed);
    }
    drawScale(document.getElementById("scale-flux"), this.flux, this.factor, this.unit, this.told.words);
    if (this.signed) drawScale(document.getElementById("scale-difference"), this.signed, this.factor, this.unit, this.told.words);
  }

  listen(key, canvas) {
    this.canvases[key] = canvas;
    const point = (event) => {
      const { metres } = layout(canvas, this.frame);
      const [x, z] = metres(event.offsetX, event.offsetY);
      this.point(x, z);
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("keydown", (event) => this.move(event));
  }

  move(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!steps && event.key !== "Escape") return;
    event.preventDefault();
    if (!steps) {
      this.pointed = null;
      this.draw();
      this.tell();
      return;
    }
    const { a } = this.planes, times = event.shiftKey ? 10 : 1;
    const middle = (low, step, number) => low + Math.floor(number / 2) * step;
    const [x, z] = this.pointed ?? [middle(a.x0, a.dx, a.nx), middle(a.z0, a.dz, a.nz)];
    // The first key shows the cross; the next ones move it.
    const on = this.pointed ? times : 0;
    this.point(x + steps[0] * on * a.dx, z + steps[1] * on * a.dz);
  }

  point(x, z) {
    const held = (value, low, high) => Math.min(Math.max(value, low), high);
    this.pointed = [held(x, this.frame.left, this.frame.right), held(z, this.frame.bottom, this.frame.top)];
    this.draw();
    this.tell();
  }

  tell() {
    const { words } = this.told;
    if (!this.pointed) {
      this.output.textContent = words.nothing;
      return;
    }
    const [x, z] = this.pointed;
    const shown = (value) => (value === null || value === undefined ? words.none : `${plain(value * this.factor)} ${this.unit}`);
    let text = words.at.replace("{x}", x.toFixed(1)).replace("{z}", z.toFixed(1))
      .replace("{a}", shown(cellAt(this.planes.a, x, z))).replace("{b}", shown(cellAt(this.planes.b, x - this.shift, z)));
    if (this.planes.difference) text += `; ${words.difference.replace("{difference}", shown(cellAt(this.planes.difference, x, z)))}`;
    this.output.textContent = text;
  }
}
