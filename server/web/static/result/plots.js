// Line plots by uPlot in the page's colours, as wide as their place.
import { own } from "./colours.js";
import { FONT, onColours } from "./sheet.js";

const HEIGHT = 320;

// options(width) and data() are asked anew whenever the plot is made again.
export function linePlot(place, options, data) {
  let plot = null;
  const make = () => {
    if (place.clientWidth === 0) return;
    plot?.destroy();
    plot = new uPlot({ width: place.clientWidth, height: HEIGHT, ...options() }, data(), place);
  };
  let seen = 0;
  new ResizeObserver(() => {
    if (place.clientWidth === seen) return;
    seen = place.clientWidth;
    if (plot) plot.setSize({ width: seen, height: HEIGHT });
    else make();
  }).observe(place);
  onColours(make);
  return make;
}

export function axis(label, more = {}) {
  return {
    label,
    stroke: own("ink"),
    font: FONT,
    labelFont: FONT,
    labelSize: 22,
    grid: { stroke: own("grid"), width: 1 },
    ticks: { stroke: own("grid"), width: 1 },
    ...more,
  };
}
