// The semivariogram along the plane and upwards: measured classes as circles, the model as lines.
import { own } from "./colours.js";
import { plain, raised } from "./numbers.js";
import { byId, say } from "./page.js";
import { axis, linePlot } from "./plots.js";

const SQUARED = { mass_enhancement: "kg² m⁻⁶", flux_density: "kg² m⁻⁴ h⁻²" };
const DIRECTIONS = [
  ["along", "line"],
  ["vertical", "line-two"],
];

export function variogramFigure(view) {
  let found = null;
  let power = 0;
  const highest = (number) => Math.max(...DIRECTIONS.flatMap(([name]) => found[name].map((row) => row[number])), 0);
  const scaled = (value) => (value === null ? null : value / 10 ** power);

  const plot = linePlot(
    byId("variogram-plot"),
    () => ({
      scales: {
        x: { time: false, range: [0, 1.04 * Math.max(highest(0), 1)] },
        y: { range: [0, 1.1 * scaled(Math.max(highest(1), found.sill))] },
      },
      axes: [axis(say("lag")), axis(`${say("semivariance")} (10${raised(power)} ${SQUARED[found.quantity] ?? found.unit})`)],
      series: [
        { label: say("lag"), value: (_, number) => plain(number, 3) },
        ...DIRECTIONS.map(([name, colour]) => ({ label: say(`${name}_short`), stroke: own(colour), width: 2, value: (_, number) => plain(number, 3) })),
      ],
      hooks: { draw: [drawClasses] },
    }),
    () => [found.model.lag, ...DIRECTIONS.map(([name]) => found.model[name].map(scaled))],
  );

  function drawClasses(self) {
    const most = Math.max(highest(2), 1);
    const { ctx } = self;
    ctx.save();
    ctx.globalAlpha = 0.75;
    for (const [name, colour] of DIRECTIONS) {
      ctx.fillStyle = own(colour);
      for (const [lag, semivariance, pairs] of found[name]) {
        ctx.beginPath();
        const radius = Math.sqrt(8 + 60 * (pairs / most)) * 0.8 * devicePixelRatio;
        ctx.arc(self.valToPos(lag, "x", true), self.valToPos(scaled(semivariance), "y", true), radius, 0, 7);
        ctx.fill();
      }
    }
    ctx.restore();
  }

  return (gas) => {
    found = view.gases[gas].variogram;
    const top = Math.max(highest(1), found.sill);
    power = top > 0 ? Math.floor(Math.log10(top)) : 0;
    plot();
  };
}
