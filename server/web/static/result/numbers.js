// Numbers as people read them, and where ticks stand.
const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export function raised(power) {
  return [...String(power)].map((sign) => RAISED[sign]).join("");
}

// To so many significant digits, without an exponent from 0.0001 to 10 000 000.
export function plain(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(value)));
  if (power < -4 || power > 6) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${mantissa}·10${raised(Number(exponent))}`.replace("-", "−");
  }
  return value.toFixed(Math.max(0, digits - 1 - power)).replace("-", "−");
}

// To the place of a tick's step.
export function tick(value, step) {
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return (Math.abs(value) < step / 1e6 ? 0 : value).toFixed(places).replace("-", "−");
}

// Round steps, about so many between two numbers.
export function ticks(low, high, about) {
  const rough = (high - low) / Math.max(1, about) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => power * times >= rough * 0.999);
  const places = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number += 1) places.push(number * step);
  return { step, places };
}

// The unit of mass in which numbers up to the highest (kg) are read with ease.
export function massUnit(highest) {
  if (highest >= 0.01 || !(highest > 0)) return { factor: 1, unit: "kg" };
  return highest >= 1e-5 ? { factor: 1e3, unit: "g" } : { factor: 1e6, unit: "mg" };
}

export function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
