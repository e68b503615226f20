// Readings by time with the background under them, and which of them were taken as signal.
import { own } from "./colours.js";
import { plain } from "./numbers.js";
import { byId, page, say } from "./page.js";
import { axis, linePlot } from "./plots.js";

export function backgroundFigure(view) {
  let gas = null;
  const value = (_, number) => plain(number, 5);
  const plot = linePlot(
    byId("background-plot"),
    () => ({
      scales: { x: { time: false } },
      axes: [axis(say("minutes")), axis(`${page.names[gas]} (${view.gases[gas].unit})`, { size: 62 })],
      series: [
        { label: say("minutes"), value: (_, number) => plain(number, 3) },
        { label: say("reading"), stroke: own("soft"), width: 1, value },
        { label: say("signal"), stroke: own("signal"), paths: () => null, points: { show: true, size: 4, fill: own("signal"), width: 0 }, value },
        { label: say("baseline"), stroke: own("line"), width: 2, value },
      ],
    }),
    () => {
      const { time, reading, signal, baseline } = view.gases[gas].background;
      return [time.map((second) => second / 60), reading, reading.map((one, row) => (signal[row] ? one : null)), baseline];
    },
  );
  return (chosen) => {
    gas = chosen;
    plot();
  };
}
