// Beside publishing: what the builder (build.js) still holds in this browser and the draft lacks. Without a script it holds nothing.
(() => {
  "use strict";
  const banner = document.getElementById("unsent");
  if (!banner) return;
  const beside = document.getElementById("unsent-here");
  const base = `keepstep-build:${banner.dataset.wizard}:${banner.dataset.user}:`;

  function waiting() {
    try {
      const kept = Object.keys(localStorage).filter((key) => key.startsWith(base)).map((key) => JSON.parse(localStorage.getItem(key)));
      return kept.flatMap((each) => [...(each?.queue ?? []), ...(each?.aside ?? [])]);
    } catch { return []; }
  }
  function textOf(item) {
    const body = new URLSearchParams(item.body);
    const typed = (body.get("has") || "").split(",").flatMap((name) => body.getAll(name));
    return item.told || typed.filter(Boolean).join(" · ") || body.get("label") || "";
  }

  function show() {
    const items = waiting();
    banner.hidden = !items.length;
    if (items.length) banner.setAttribute("role", "alert");
    if (beside) beside.hidden = !items.length;
    banner.querySelector("ul").replaceChildren(...items.slice(0, 5).map((item) => {
      const line = banner.querySelector("template").content.cloneNode(true);
      const text = textOf(item);
      if (text) line.querySelector("li").textContent = text.length > 200 ? `${text.slice(0, 200)}…` : text;
      return line;
    }), ...(items.length > 5 ? [Object.assign(document.createElement("li"), { textContent: `+ ${items.length - 5}` })] : []));
  }

  // The first press of the button says so where it was not to be seen; the second publishes without them.
  let said = false;
  document.querySelector(".ks-review-side")?.addEventListener("submit", (event) => {
    show();
    if (banner.hidden || said) return;
    event.preventDefault();
    said = true;
    banner.scrollIntoView({ block: "center" });
    banner.focus();
  });
  addEventListener("storage", show);
  addEventListener("pageshow", show);
  show();
})();
