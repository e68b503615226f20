// A plane on a canvas, with its axes, and a colour scale beside it.
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
const BOTH_WAYS = [[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]];

/** Values from `low` to `high` in colours; `signed`: from blue over white to red. */
export function scale(low, high, signed) {
  const stops = signed ? BOTH_WAYS : VIRIDIS;
  const colour = (value) => {
    const place = high > low ? Math.min(Math.max((value - low) / (high - low), 0), 1) * (stops.length - 1) : 0;
    const index = Math.min(Math.floor(place), stops.length - 2), share = place - index;
    return stops[index].map((part, number) => Math.round(part + share * (stops[index + 1][number] - part)));
  };
  return { low, high, colour };
}

/** Round numbers of an axis, `most` at most. */
export function ticks(low, high, most) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(most, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
  const found = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) found.push(tick);
  return found;
}

/** A number to three digits, as people write it. */
export function plain(value) {
  if (value === 0 || Math.abs(value) < 1e-12) return "0";
  const text = Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

function prepared(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(document.documentElement);
  const named = (name) => style.getPropertyValue(name).trim();
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return { context, width, height, named };
}

function image(plane, colours) {
  const small = document.createElement("canvas");
  small.width = plane.nx;
  small.height = plane.nz;
  const context = small.getContext("2d"), data = context.createImageData(plane.nx, plane.nz);
  plane.flux.forEach((value, number) => {
    if (value === null) return;
    const row = plane.nz - 1 - Math.floor(number / plane.nx), column = number % plane.nx;
    data.data.set([...colours.colour(value), plane.sampled[number] ? 255 : 110], 4 * (row * plane.nx + column));
  });
  context.putImageData(data, 0, 0);
  return small;
}

/** Where the metres of an extent lie on a canvas. */
export function layout(canvas, frame) {
  const box = { left: 46, top: 6, right: canvas.clientWidth - 10, bottom: canvas.clientHeight - 34 };
  const perX = (box.right - box.left) / (frame.right - frame.left), perZ = (box.bottom - box.top) / (frame.top - frame.bottom);
  return {
    box,
    x: (metres) => box.left + (metres - frame.left) * perX,
    z: (metres) => box.bottom - (metres - frame.bottom) * perZ,
    metres: (x, y) => [frame.left + (x - box.left) / perX, frame.bottom + (box.bottom - y) / perZ],
  };
}

/** Draw a plane; `pointed`: [x, z] in metres, or null. */
export function drawPlane(canvas, plane, place, frame, colours, words, pointed) {
  const { context, width, named } = prepared(canvas);
  const { box, x, z } = layout(canvas, frame);
  context.fillStyle = named("--track");
  context.fillRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  context.imageSmoothingEnabled = false;
  context.drawImage(image(plane, colours), x(place.left), z(place.top), x(place.right) - x(place.left), z(place.bottom) - z(place.top));
  context.strokeStyle = named("--rule");
  context.fillStyle = named("--soft");
  context.textAlign = "center";
  context.textBaseline = "top";
  const most = Math.max(2, Math.floor(width / 90));
  for (const tick of ticks(frame.left, frame.right, most)) {
    context.fillRect(x(tick), box.bottom, 1, 4);
    context.fillText(plain(tick), Math.min(x(tick), width - 14), box.bottom + 6);
  }
  context.fillText(words.along, (box.left + box.right) / 2, box.bottom + 20);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(frame.bottom, frame.top, 4)) {
    context.fillRect(box.left - 4, z(tick), 4, 1);
    context.fillText(plain(tick), box.left - 7, Math.max(z(tick), 8));
  }
  context.save();
  context.translate(9, (box.top + box.bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(words.height, 0, 0);
  context.restore();
  if (pointed) cross(context, x(pointed[0]), z(pointed[1]), box);
}

function cross(context, x, y, box) {
  // Dark over light, so that it is seen on every colour.
  for (const [colour, wide] of [["rgba(255, 255, 255, 0.85)", 3], ["rgba(0, 0, 0, 0.9)", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(x, box.top);
    context.lineTo(x, box.bottom);
    context.moveTo(box.left, y);
    context.lineTo(box.right, y);
    context.stroke();
  }
}

/** Draw a colour scale with its numbers. */
export function drawScale(canvas, colours, factor, unit, words) {
  const { context, width, named } = prepared(canvas);
  const left = 8, right = width - 12, { low, high } = colours;
  for (let pixel = 0; pixel < right - left; pixel += 1) {
    context.fillStyle = `rgb(${colours.colour(low + (pixel / (right - left)) * (high - low)).join(",")})`;
    context.fillRect(left + pixel, 4, 1.5, 12);
  }
  context.fillStyle = named("--soft");
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of ticks(low * factor, high * factor, 5)) {
    const x = left + (high > low ? (tick / factor - low) / (high - low) : 0) * (right - left);
    context.fillRect(x, 16, 1, 4);
    context.fillText(plain(tick), Math.max(x, 8), 21);
  }
  context.fillText(unit, (left + right) / 2, 35);
  canvas.setAttribute("aria-label", words.scale.replace("{low}", plain(low * factor)).replace("{high}", plain(high * factor)).replace("{unit}", unit));
}
