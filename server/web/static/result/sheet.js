// A canvas as sharp as the screen, drawn anew when its size or the page's colours change.
export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif';

const redraws = new Set();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((draw) => draw()));

export function onColours(draw) {
  redraws.add(draw);
}

// Calls draw(context, width, height) in CSS pixels; the function that comes back does it again.
// heightOf(width), where given, is the height that the sheet should have.
export function sheet(canvas, draw, heightOf) {
  const again = () => {
    const width = Math.floor(canvas.clientWidth);
    if (width === 0) return;
    if (heightOf) canvas.style.height = `${Math.round(heightOf(width))}px`;
    const height = Math.floor(canvas.clientHeight);
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    draw(context, width, height);
  };
  let seen = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth === seen) return;
    seen = canvas.clientWidth;
    again();
  }).observe(canvas);
  onColours(again);
  return again;
}
