// Fetches what the figures are drawn from, and draws them for the gas that is chosen.
import { backgroundFigure } from "./background.js";
import { copyButtons } from "./copy.js";
import { curtainFigure } from "./curtain.js";
import { mapFigure } from "./map.js";
import { byId, page, say } from "./page.js";
import { planeFigure } from "./plane.js";
import { roseFigure } from "./rose.js";
import { transectsFigure } from "./transects.js";
import { variogramFigure } from "./variogram.js";

let figures = [];

function show(gas) {
  page.gas = gas;
  for (const section of document.querySelectorAll("[data-of-gas]")) section.hidden = section.dataset.ofGas !== gas;
  for (const link of document.querySelectorAll("[data-gas]")) {
    if (link.dataset.gas === gas) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const name of document.querySelectorAll("[data-gas-name]")) name.textContent = page.names[gas];
  figures.forEach((draw) => draw(gas));
}

for (const link of document.querySelectorAll("[data-gas]")) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", link.href);
    show(link.dataset.gas);
  });
}

async function begin() {
  copyButtons();
  if (!byId("plane-canvas")) return;
  try {
    const answer = await fetch(page.view);
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const view = await answer.json();
    roseFigure(view);
    figures = [planeFigure, transectsFigure, backgroundFigure, variogramFigure, mapFigure, curtainFigure].map((make) => make(view));
    show(page.gas);
    document.documentElement.dataset.drawn = "yes";
    // The page was shorter before, so that a link to one of its parts led elsewhere.
    if (location.hash) document.querySelector(`#${CSS.escape(decodeURIComponent(location.hash.slice(1)))}`)?.scrollIntoView();
  } catch (error) {
    const failed = byId("figures-failed");
    failed.textContent = say("failed", { reason: error.message });
    failed.hidden = false;
    throw error;
  }
}

begin();
