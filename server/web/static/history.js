// Two runs, and no more, are ticked to be compared.
const form = document.getElementById("to-compare");
if (form) {
  const boxes = [...form.querySelectorAll('input[name="run"]')];
  const button = document.getElementById("compare");
  const choice = document.getElementById("choice");
  const tell = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    for (const box of boxes) {
      box.disabled = ticked >= 2 && !box.checked;
      box.closest("tr").classList.toggle("chosen", box.checked);
    }
    button.disabled = ticked !== 2;
    choice.textContent = [choice.dataset.none, choice.dataset.one, choice.dataset.two][ticked];
  };
  form.addEventListener("change", tell);
  // A browser that goes back keeps the ticks, and says so by no other event.
  window.addEventListener("pageshow", tell);
  tell();
}
