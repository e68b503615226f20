// The state is fetched anew while the page is looked at.
const AGAIN_AFTER = 5000;
const part = document.getElementById("system"), lost = document.getElementById("system-lost");
let last = part.innerHTML;

async function refresh() {
  // Neither where nobody looks nor where somebody is reading by keyboard within it.
  if (!document.hidden && !part.contains(document.activeElement)) {
    try {
      const answer = await fetch(part.dataset.part, { redirect: "error" });
      const text = await answer.text();
      // Without one's key there is something else than the state.
      if (!text.includes('class="tiles"')) throw new Error(String(answer.status));
      if (text !== last) part.innerHTML = last = text;
      lost.hidden = true;
    } catch {
      lost.textContent = part.dataset.lost;
      lost.hidden = false;
    }
  }
  setTimeout(refresh, AGAIN_AFTER);
}
setTimeout(refresh, AGAIN_AFTER);
