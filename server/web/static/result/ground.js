// Places along the plane's line on the ground.

// How far along the plane (m) a place lies, by the nearest piece of the line.
export function alongGround(ground, east, north) {
  let best = Infinity;
  let along = ground.x[0];
  for (let piece = 0; piece + 1 < ground.x.length; piece += 1) {
    const [e, n] = [ground.east[piece], ground.north[piece]];
    const [de, dn] = [ground.east[piece + 1] - e, ground.north[piece + 1] - n];
    const share = Math.min(1, Math.max(0, ((east - e) * de + (north - n) * dn) / (de * de + dn * dn || 1)));
    const distance = (east - e - share * de) ** 2 + (north - n - share * dn) ** 2;
    if (distance < best) {
      best = distance;
      along = ground.x[piece] + share * (ground.x[piece + 1] - ground.x[piece]);
    }
  }
  return along;
}

// The samples that count, at most so many: places in the plane and which point of the track each is.
export function samplesOf(view, most) {
  const { track, ground } = view;
  const kept = track.kept.flatMap((yes, point) => (yes ? [point] : []));
  const step = Math.max(1, Math.ceil(kept.length / most));
  return kept
    .filter((_, number) => number % step === 0)
    .map((point) => ({ point, x: alongGround(ground, track.east[point], track.north[point]), z: track.height[point] }));
}
