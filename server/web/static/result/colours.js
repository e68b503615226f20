// Colours of values: the report's scales, whose steps look equal to the eye, also to those who don't see all colours.
const MAPS = {
  viridis: "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725",
  cividis: "00224e 002e6a 1a386f 32436d 434e6c 535a6d 61656f 6f7073 7d7c78 8c8878 9b9476 aba072 bcae6c cdbb63 dec958 f0d846 fee838",
  diverging: "053061 175290 2a71b2 3f8ec0 6bacd1 9bc9e0 c2ddec e0ecf3 f7f6f6 fbe5d8 fbccb4 f5aa89 e48066 d05548 ba2832 930e26 67001f",
};
const ANCHORS = Object.fromEntries(
  Object.entries(MAPS).map(([name, hexes]) => [
    name,
    hexes.split(" ").map((hex) => [0, 2, 4].map((place) => parseInt(hex.slice(place, place + 2), 16))),
  ]),
);

function extremes(values) {
  let low = 0;
  let high = 0;
  for (const value of values) {
    if (value === null) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// From zero where the negative side is a mere noise of the positive one; else with zero in the middle.
export function fluxScale(values) {
  const [low, high] = extremes(values);
  if (high > 0 && -low < 0.1 * high) return scale("viridis", 0, high);
  const limit = Math.max(high, -low) || 1;
  return scale("diverging", -limit, limit);
}

export function errorScale(values) {
  return scale("cividis", 0, extremes(values)[1] || 1);
}

function scale(name, low, high) {
  const anchors = ANCHORS[name];
  const rgb = (value) => {
    const place = Math.min(1, Math.max(0, (value - low) / (high - low))) * (anchors.length - 1);
    const below = Math.min(anchors.length - 2, Math.floor(place));
    return anchors[below].map((part, one) => Math.round(part + (anchors[below + 1][one] - part) * (place - below)));
  };
  return { low, high, rgb, css: (value) => `rgb(${rgb(value).join(" ")})`, dots: name === "viridis" ? "#ffffffb0" : "#26323d" };
}

// The scale itself as a picture, so many pixels long.
export function drawScale(context, colours, x, y, width, height, upright) {
  const length = Math.round(upright ? height : width);
  for (let place = 0; place < length; place += 1) {
    const share = (place + 0.5) / length;
    context.fillStyle = colours.css(colours.low + (colours.high - colours.low) * share);
    if (upright) context.fillRect(x, y + height - place - 1, width, 1.5);
    else context.fillRect(x + place, y, 1.5, height);
  }
}

// A colour of the page's own, as it is in light or dark.
export function own(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
