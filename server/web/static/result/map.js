// Track and footprint seen from above; tiles behind them where the service has an address of such.
import { drawScale, fluxScale, own } from "./colours.js";
import { clock, massUnit, plain } from "./numbers.js";
import { byId, page, say } from "./page.js";
import { onColours, sheet } from "./sheet.js";

export function mapFigure(view) {
  const { track, ground, wind } = view;
  const place = byId("map-view");
  const map = L.map(place, { preferCanvas: true, zoomSnap: 0.25, maxZoom: 22, zoomControl: false });
  map.attributionControl.setPrefix(false);
  if (page.tiles) {
    const attribution = document.createElement("span");
    attribution.textContent = page.attribution;
    L.tileLayer(page.tiles, { maxZoom: 22, maxNativeZoom: 19, attribution: attribution.innerHTML }).addTo(map);
  }
  L.control.zoom({ zoomInTitle: say("zoom_in"), zoomOutTitle: say("zoom_out") }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  addCorner(map, "topright", "compass", compass());
  addCorner(map, "bottomright", "windy", windArrow(wind));

  const line = L.polyline(ground.latitude.map((latitude, row) => [latitude, ground.longitude[row]]), { weight: 16, opacity: 0.5, lineCap: "butt", interactive: false }).addTo(map);
  const path = L.polyline(track.latitude.map((latitude, row) => [latitude, track.longitude[row]]), { weight: 1, opacity: 0.6, interactive: false }).addTo(map);
  const points = track.latitude.map((latitude, row) =>
    L.circleMarker([latitude, track.longitude[row]], { radius: track.kept[row] ? 5 : 3, weight: 0.6, fillOpacity: 1 })
      .bindPopup(() => words(row))
      .addTo(map),
  );
  const here = L.circleMarker(points[0]?.getLatLng() ?? [0, 0], { radius: 10, weight: 3, fill: false, interactive: false }).addTo(map);
  map.fitBounds(L.featureGroup([line, path]).getBounds(), { padding: [28, 28], animate: false });

  let gas = page.gas;
  let colours = null;
  const legend = mapLegend(() => colours);

  function size(flux, row) {
    return track.kept[row] ? Math.abs(flux[row] ?? 0) : -1;
  }

  function told(row) {
    const found = view.gases[gas];
    const { factor, unit } = massUnit(colours.high);
    const number = track.transect[row];
    return [
      say("point", {
        time: clock(track.time[row]),
        height: plain(track.height[row], 3),
        reading: plain(found.mole_fraction[row], 5),
        flux: found.flux[row] === null ? "–" : `${plain(found.flux[row] * factor)} ${unit} m⁻² h⁻¹`,
      }),
      track.kept[row] ? (number ? say("transect_name", { number }) : "") : say("not_used"),
    ]
      .filter(Boolean)
      .join(" · ");
  }

  function words(row) {
    const element = document.createElement("span");
    element.textContent = told(row);
    return element;
  }

  const slider = byId("map-along");
  slider.max = Math.max(0, points.length - 1);
  function follow() {
    const row = Number(slider.value);
    here.setLatLng(points[row].getLatLng());
    byId("map-reading").textContent = told(row);
    slider.setAttribute("aria-valuetext", told(row));
  }
  slider.addEventListener("input", follow);

  function colour() {
    const { flux } = view.gases[gas];
    colours = fluxScale(flux.filter((_, row) => track.kept[row]));
    line.setStyle({ color: own("signal") });
    path.setStyle({ color: own("soft") });
    here.setStyle({ color: own("ink") });
    points.forEach((point, row) => {
      const seen = track.kept[row] && flux[row] !== null;
      point.setStyle({ color: own("card"), fillColor: seen ? colours.css(flux[row]) : own("soft") });
    });
    // Passes lie above each other: what carries most gas is to be seen.
    const order = points.map((_, row) => row).sort((a, b) => size(flux, a) - size(flux, b));
    for (const row of order) points[row].bringToFront();
    here.bringToFront();
    legend();
    if (points.length) follow();
  }
  onColours(colour);

  let wide = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth === wide) return;
    wide = place.clientWidth;
    map.invalidateSize({ animate: false });
  }).observe(place);

  return (chosen) => {
    gas = chosen;
    colour();
  };
}

function mapLegend(colours) {
  const element = byId("map-legend");
  const bar = document.createElement("canvas");
  bar.setAttribute("aria-hidden", "true");
  const [low, high] = [document.createElement("span"), document.createElement("span")];
  const scale = document.createElement("span");
  scale.append(low, " ", bar, " ", high);
  element.replaceChildren(scale, mark("", "footprint"), mark("dot", "not_used"));
  const again = sheet(bar, (context, width, height) => {
    if (colours()) drawScale(context, colours(), 0, 0, width, height, false);
  });
  return () => {
    const { factor, unit } = massUnit(colours().high);
    low.textContent = plain(colours().low * factor, 2);
    high.textContent = `${plain(colours().high * factor, 2)} ${unit} m⁻² h⁻¹`;
    again();
  };
}

function mark(kind, word) {
  const element = document.createElement("span");
  const sample = document.createElement("i");
  sample.className = kind;
  element.append(sample, say(word));
  return element;
}

function addCorner(map, position, name, content) {
  const control = L.control({ position });
  control.onAdd = () => {
    const element = L.DomUtil.create("div", name);
    element.append(...content);
    return element;
  };
  control.addTo(map);
}

function drawn(width, height, viewBox, d, turn) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", d);
  path.setAttribute("transform", `rotate(${turn})`);
  svg.append(path);
  return svg;
}

function compass() {
  const svg = drawn(22, 38, "-11 -19 22 38", "M0 -17 L7 3 L0 -2 L-7 3 Z", 0);
  const text = document.createElementNS(svg.namespaceURI, "text");
  text.setAttribute("y", "17");
  text.setAttribute("text-anchor", "middle");
  text.textContent = say("north");
  svg.append(text);
  return [svg];
}

// Points where the wind blows to.
function windArrow(wind) {
  const svg = drawn(34, 34, "-17 -17 34 34", "M-2 15 L-2 -4 L-8 -4 L0 -16 L8 -4 L2 -4 L2 15 Z", wind.direction + 180);
  return [svg, say("wind", { speed: plain(wind.speed, 2) })];
}
