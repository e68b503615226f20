// A run under way: told as it happens, or asked for where that can't be had, until it has ended.
const place = document.getElementById("progress");
const words = JSON.parse(document.getElementById("run-words").textContent);
const bar = document.getElementById("bar");
const percent = document.getElementById("percent");
const stage = document.getElementById("stage");
const ahead = document.getElementById("ahead");
const left = document.getElementById("left");
const lost = document.getElementById("lost");

const ASK_AGAIN = 1000;
const ASK_HIDDEN = 5000;

let source = null;
let timer = 0;

function put(element, text) {
  // Only what is new, so that a screen reader says it once.
  if (element.textContent !== text) element.textContent = text;
}

function show(now) {
  lost.hidden = true;
  if (now.ended) {
    stop();
    // The page itself says what came out.
    location.reload();
    return;
  }
  const whole = Math.floor(100 * now.progress);
  const waits = now.status === "accepted";
  bar.value = now.progress;
  put(percent, String(whole));
  put(stage, waits ? words.waiting : now.message || words.starting);
  ahead.hidden = !now.ahead;
  put(ahead, words.ahead.replace("{number}", now.ahead));
  left.hidden = now.left === null;
  put(left, words.left.replace("{seconds}", now.left));
  document.title = `${waits ? "…" : words.percent.replace("{percent}", whole)} ${words.title}`;
}

async function ask() {
  try {
    const answer = await fetch(place.dataset.status, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.ok) show(await answer.json());
    else if (answer.status < 500) location.reload();
    else lost.hidden = false;
  } catch {
    lost.hidden = false;
  }
}

function askAtIntervals() {
  stop();
  ask();
  timer = setInterval(ask, document.hidden ? ASK_HIDDEN : ASK_AGAIN);
}

function stop() {
  source?.close();
  source = null;
  clearInterval(timer);
}

function listen() {
  stop();
  source = new EventSource(place.dataset.events);
  source.onmessage = (event) => show(JSON.parse(event.data));
  source.addEventListener("lost", askAtIntervals);
  source.onerror = () => {
    // It tries again by itself, unless it was refused.
    if (source?.readyState === EventSource.CLOSED) askAtIntervals();
    else lost.hidden = false;
  };
  source.onopen = () => (lost.hidden = true);
}

// A browser holds few connections to one host: a page that nobody sees needs none of its own.
document.addEventListener("visibilitychange", () => (document.hidden ? askAtIntervals() : listen()));
addEventListener("pagehide", stop);
if (document.hidden) askAtIntervals();
else listen();
