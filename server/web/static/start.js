// A flight is dropped, looked through at once, and sent.
const form = document.getElementById("run");
const drop = document.getElementById("drop");
const input = document.getElementById("flight");
const check = document.getElementById("check");
const chosen = document.getElementById("chosen");
const sending = document.getElementById("sending");
const sent = document.getElementById("sent");
const checking = document.getElementById("checking");
const refused = document.getElementById("refused");
const general = document.getElementById("general");
const button = document.getElementById("send");
const underway = document.getElementById("underway");
const gasField = document.getElementById("field-gases");
const words = JSON.parse(document.getElementById("start-words").textContent);
const limit = Number(form.dataset.limit);

const MEGABYTE = 1024 * 1024;
const SLOW_BYTES = 2 * MEGABYTE;

let looking = null;

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < MEGABYTE) return `${(bytes / 1024).toFixed(0)} kB`;
  return `${(bytes / MEGABYTE).toFixed(1)} MB`;
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// Fetch doesn't tell how much of a file is sent.
function post(address, data, headers, progress) {
  const request = new XMLHttpRequest();
  const answered = new Promise((resolve, reject) => {
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Error(words.lost));
    request.onabort = () => reject(new DOMException("", "AbortError"));
  });
  request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
  request.open("POST", address);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.send(data);
  return { request, answered };
}

function tell(identifier, text) {
  const place = document.getElementById(`fault-${identifier}`);
  const field = identifier === "flight" ? input : document.getElementById(`field-${identifier}`);
  if (!place || !field) return null;
  place.textContent = text;
  place.hidden = !text;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  field.closest("details")?.setAttribute("open", "");
  return field;
}

function forget() {
  for (const place of document.querySelectorAll(".fault")) {
    place.hidden = true;
    place.textContent = "";
  }
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  refused.hidden = true;
  general.replaceChildren();
}

function sendingShown(share) {
  sending.hidden = share >= 1;
  checking.hidden = share < 1;
  sent.value = share;
}

function tooLarge(file) {
  if (file.size <= limit) return false;
  const told = { name: file.name, size: size(file.size), limit: (limit / MEGABYTE).toPrecision(4).replace(/\.?0+$/, "") };
  check.replaceChildren();
  useBoxes();
  tell("flight", filled(words.too_large, told));
  input.value = "";
  return true;
}

// Tick boxes of the gases in the table take the place of the field.
function useBoxes() {
  const boxes = document.querySelectorAll("#gas-boxes input");
  gasField.disabled = boxes.length > 0;
  gasField.closest(".field").hidden = boxes.length > 0;
  const asked = new Set(gasField.value.split(",").map((one) => one.trim().toLowerCase()));
  const known = [...boxes].some((box) => asked.has(box.value));
  for (const box of boxes) if (known) box.checked = asked.has(box.value);
}

async function look() {
  looking?.abort();
  const [file] = input.files;
  forget();
  chosen.hidden = !file;
  drop.classList.toggle("filled", Boolean(file));
  if (!file || tooLarge(file)) {
    chosen.hidden = true;
    drop.classList.remove("filled");
    return;
  }
  chosen.textContent = filled(words.chosen, { name: file.name, size: size(file.size) });
  check.replaceChildren();
  const data = new FormData();
  data.append("flight", file);
  const configuration = document.getElementById("field-config").files[0];
  if (configuration) data.append("config", configuration);
  else data.append("configuration", document.getElementById("field-configuration").value);
  check.setAttribute("aria-busy", "true");
  sendingShown(file.size > SLOW_BYTES ? 0 : 1);
  const { request, answered } = post(form.dataset.check, data, { "X-Part": "check", Accept: "text/html" }, (share) => {
    if (file.size > SLOW_BYTES) sendingShown(share);
  });
  looking = request;
  try {
    const { status, response, responseURL } = await answered;
    if (request.getResponseHeader("X-Part") === "check") check.innerHTML = response;
    else tell("flight", pageText(response) || `${status} ${responseURL}`);
    useBoxes();
  } catch (error) {
    if (error.name === "AbortError") return;
    tell("flight", error.message);
  }
  sending.hidden = true;
  checking.hidden = true;
  check.removeAttribute("aria-busy");
}

// A page that tells of an error, where a part was asked for.
function pageText(page) {
  const found = new DOMParser().parseFromString(page, "text/html").querySelector(".refusal");
  return found ? [...found.querySelectorAll("h1, p:not(.row)")].map((one) => one.textContent.trim()).join(" ") : "";
}

function busy(is) {
  button.disabled = is;
  underway.hidden = !is;
}

async function send(event) {
  event.preventDefault();
  forget();
  const boxes = [...document.querySelectorAll("#gas-boxes input")];
  if (boxes.length && !boxes.some((box) => box.checked)) {
    boxes[0].setCustomValidity(words.no_gas);
    boxes[0].reportValidity();
    return;
  }
  busy(true);
  try {
    const { answered } = post(form.action, new FormData(form), { Accept: "application/json" }, (share) => {
      if (input.files[0].size > SLOW_BYTES) {
        sending.hidden = share >= 1;
        sent.value = share;
      }
    });
    const { response } = await answered;
    const told = JSON.parse(response);
    if (told.location) {
      location.assign(told.location);
      return;
    }
    showFaults(told);
  } catch (error) {
    showFaults({ message: error instanceof SyntaxError ? words.lost : error.message });
  }
  sending.hidden = true;
  busy(false);
}

function showFaults(told) {
  let first = null;
  refused.hidden = false;
  refused.querySelector("strong").textContent = told.message;
  for (const fault of told.faults ?? []) {
    const field = tell(fault.input, fault.message);
    if (field) {
      first = first ?? field;
    } else {
      const item = document.createElement("li");
      item.textContent = fault.message;
      general.append(item);
    }
  }
  if (first) first.focus();
  else refused.scrollIntoView({ block: "center" });
}

for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
// Beside the zone a browser would leave the page to show the file.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
drop.addEventListener("drop", (event) => {
  const files = event.dataTransfer.files;
  if (files.length > 1) tell("flight", words.one);
  if (files.length !== 1) return;
  input.files = files;
  look();
});
input.addEventListener("change", look);
document.getElementById("field-config").addEventListener("change", () => input.files.length && look());
check.addEventListener("change", (event) => event.target.setCustomValidity?.(""));
// A faulty field that nobody sees can't be shown by the browser.
form.addEventListener("invalid", (event) => event.target.closest("details")?.setAttribute("open", ""), true);
form.addEventListener("submit", send);
useBoxes();
document.querySelector("[aria-invalid]")?.focus();
// After a way back the browser keeps the file, and what was read of it is gone.
if (input.files.length && !check.childElementCount) look();
