// What every page has: choices that apply at once.
document.documentElement.classList.add("with-script");
for (const choice of document.querySelectorAll("[data-applies]")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}
