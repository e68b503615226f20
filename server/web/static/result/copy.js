// Buttons that copy what stands beside them.
import { byId, say } from "./page.js";

const BACK_AFTER = 2000; // ms

export function copyButtons() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const words = button.textContent;
    button.addEventListener("click", async () => {
      const source = byId(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = say("copied");
      } catch {
        // Without TLS there is no clipboard: then it is selected, and a key copies it.
        getSelection().selectAllChildren(source);
        button.textContent = say("select");
      }
      setTimeout(() => (button.textContent = words), BACK_AFTER);
    });
  }
}
