// What the page tells its script: addresses, words, and which gas is shown.
export const page = JSON.parse(document.getElementById("result-data").textContent);

// A word of the page, with what stands in its braces.
export function say(name, values = {}) {
  return page.words[name].replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
}

export function byId(id) {
  return document.getElementById(id);
}
