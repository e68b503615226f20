// Planes as regular grids: rows from the lowest up, values null where there are none.

/** Extent of a plane's cells: {left, right, bottom, top} in metres. */
export function extent(plane, shift = 0) {
  return {
    left: plane.x0 - plane.dx / 2 + shift,
    right: plane.x0 + (plane.nx - 0.5) * plane.dx + shift,
    bottom: plane.z0 - plane.dz / 2,
    top: plane.z0 + (plane.nz - 0.5) * plane.dz,
  };
}

/** The smallest extent that holds both. */
export function union(a, b) {
  return {
    left: Math.min(a.left, b.left), right: Math.max(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom), top: Math.max(a.top, b.top),
  };
}

/** Value of the cell in which a place lies, or null. */
export function cellAt(plane, x, z, values = plane.flux) {
  const column = Math.round((x - plane.x0) / plane.dx), row = Math.round((z - plane.z0) / plane.dz);
  if (column < 0 || column >= plane.nx || row < 0 || row >= plane.nz) return null;
  return values[row * plane.nx + column];
}

/** Value at a place between the centres of cells, bilinear; null where one of them has none or it lies outside. */
export function between(plane, x, z) {
  const across = (x - plane.x0) / plane.dx, up = (z - plane.z0) / plane.dz;
  // The outer half of the cells at the edge has their value.
  if (across < -0.5 || across > plane.nx - 0.5 || up < -0.5 || up > plane.nz - 0.5) return null;
  const held = (value, most) => Math.min(Math.max(value, 0), most);
  const u = held(across, plane.nx - 1), v = held(up, plane.nz - 1);
  const column = Math.min(Math.floor(u), Math.max(plane.nx - 2, 0)), row = Math.min(Math.floor(v), Math.max(plane.nz - 2, 0));
  let sum = 0;
  for (const [c, r, weight] of [
    [column, row, (1 - (u - column)) * (1 - (v - row))], [column + 1, row, (u - column) * (1 - (v - row))],
    [column, row + 1, (1 - (u - column)) * (v - row)], [column + 1, row + 1, (u - column) * (v - row)],
  ]) {
    if (weight === 0) continue;
    const value = plane.flux[r * plane.nx + c];
    if (value === null) return null;
    sum += weight * value;
  }
  return sum;
}

/** Second minus first, on the first's cells: `shift` is where the second's origin lies along the first. */
export function subtract(a, b, shift) {
  const flux = [], sampled = [];
  for (let row = 0; row < a.nz; row += 1) {
    for (let column = 0; column < a.nx; column += 1) {
      const x = a.x0 + column * a.dx, z = a.z0 + row * a.dz;
      const ours = a.flux[row * a.nx + column], theirs = between(b, x - shift, z);
      flux.push(ours === null || theirs === null ? null : theirs - ours);
      sampled.push(a.sampled[row * a.nx + column] && cellAt(b, x - shift, z, b.sampled) ? 1 : 0);
    }
  }
  return { ...a, flux, sampled };
}

/** Least and greatest value of the planes; [0, 0] where there are none. */
export function range(...planes) {
  let low = Infinity, high = -Infinity;
  for (const plane of planes) {
    for (const value of plane.flux) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return low > high ? [0, 0] : [low, high];
}
