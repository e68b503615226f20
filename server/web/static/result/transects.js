// The enhancement along each transect, each line standing at its transect's height.
import { own } from "./colours.js";
import { plain, tick, ticks } from "./numbers.js";
import { byId, page, say } from "./page.js";
import { axis, linePlot } from "./plots.js";

export function transectsFigure(view) {
  let gas = null;
  let lines = [];
  let metresPerPpm = 1;
  const reading = byId("transects-reading");

  const plot = linePlot(
    byId("transects-plot"),
    () => ({
      legend: { show: false },
      scales: { x: { time: false } },
      cursor: { y: false, points: { show: false } },
      axes: [axis(say(page.kind === "spiral" ? "around" : "along")), axis(say("height"))],
      series: [
        {},
        ...lines.map((_, number) => ({ stroke: number % 2 ? own("line-two") : own("line"), width: 1.4, spanGaps: true, points: { show: false } })),
      ],
      hooks: { draw: [drawScale], setCursor: [tell] },
    }),
    () => uPlot.join(lines.map((line) => [line.x, line.enhancement.map((ppm) => (ppm === null ? null : line.height + ppm * metresPerPpm))])),
  );

  // How much a line rises for so many ppm.
  function drawScale(self) {
    const { step } = ticks(0, 60 / Math.abs(self.valToPos(0, "y") - self.valToPos(metresPerPpm, "y")), 1);
    const [left, ratio] = [self.bbox.left + self.bbox.width - 14 * devicePixelRatio, devicePixelRatio];
    const long = Math.abs(self.valToPos(0, "y") - self.valToPos(step * metresPerPpm, "y")) * ratio;
    const { ctx } = self;
    ctx.save();
    ctx.fillStyle = own("ink");
    ctx.fillRect(left, self.bbox.top + 10 * ratio, 2 * ratio, long);
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    ctx.fillText(say("scale", { size: tick(step, step) }), left - 6 * ratio, self.bbox.top + 10 * ratio + long / 2);
    ctx.restore();
  }

  function tell(self) {
    if (self.cursor.left < 0) return;
    const [x, height] = [self.posToVal(self.cursor.left, "x"), self.posToVal(self.cursor.top, "y")];
    let best = null;
    for (const line of lines) {
      const row = nearest(line.x, x);
      const away = Math.abs(line.height + (line.enhancement[row] ?? 0) * metresPerPpm - height);
      if (!best || away < best.away) best = { line, row, away };
    }
    if (!best) return;
    const { line, row } = best;
    reading.textContent = say("transect", {
      number: line.number,
      height: plain(line.height, 3),
      value: plain(line.enhancement[row], 3),
      x: plain(line.x[row], 3),
    });
  }

  return (chosen) => {
    gas = chosen;
    lines = view.gases[gas].transects.filter((line) => line.x.length > 1).map(sorted);
    const heights = lines.map((line) => line.height);
    const rise = Math.max(...heights) - Math.min(...heights) || 10;
    const highest = Math.max(...lines.flatMap((line) => line.enhancement.filter((ppm) => ppm !== null)), 1e-9);
    metresPerPpm = (2.2 * (rise / Math.max(1, lines.length - 1))) / highest;
    reading.textContent = "\u00a0";
    plot();
  };
}

// By place, each place once, as the plot wants it.
function sorted(line) {
  const rows = line.x.map((_, row) => row).filter((row) => line.x[row] !== null).sort((a, b) => line.x[a] - line.x[b]);
  const once = rows.filter((row, number) => number === 0 || line.x[row] !== line.x[rows[number - 1]]);
  return { ...line, x: once.map((row) => line.x[row]), enhancement: once.map((row) => line.enhancement[row]) };
}

function nearest(values, wanted) {
  return values.reduce((best, value, row) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? row : best), 0);
}
