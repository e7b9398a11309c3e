// What somebody is to copy is selected by one click, and copied by a button where the browser allows it. Saving a file leaves the page
// as it is, so its form can be sent again.
(() => {
  "use strict";
  for (const field of document.querySelectorAll(".ks-to-copy")) field.addEventListener("focus", () => field.select());

  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    const words = button.querySelector("span");
    const before = words.textContent;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        return field.focus();
      }
      words.textContent = button.dataset.copied;
      document.dispatchEvent(new CustomEvent("ks:say", { detail: { text: button.dataset.copied } }));
      setTimeout(() => { words.textContent = before; }, 3000);
    });
  }

  for (const form of document.querySelectorAll("form[data-download]")) {
    form.addEventListener("submit", () => setTimeout(() => { delete form.dataset.sent; }, 3000));
  }
})();
