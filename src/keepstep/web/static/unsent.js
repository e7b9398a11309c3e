// Beside publishing: what the builder (build.js) still holds in this browser and the draft lacks. Without a script it holds nothing.
(() => {
  "use strict";
  const words = document.getElementById("unsent-changes");
  if (!words) return;
  const beside = document.getElementById("unsent-here");
  const base = `keepstep-build:${words.dataset.wizard}:${words.dataset.user}:`;

  function waiting() {
    try {
      const kept = Object.keys(localStorage).filter((key) => key.startsWith(base)).map((key) => JSON.parse(localStorage.getItem(key)));
      return kept.flatMap((each) => [...(each?.queue ?? []), ...(each?.aside ?? [])]);
    } catch { return []; }
  }
  function textOf(item) {
    const body = new URLSearchParams(item.body);
    const typed = (body.get("has") || "").split(",").flatMap((name) => body.getAll(name));
    return item.told || typed.filter(Boolean).join(" · ") || body.get("label") || words.dataset.nameless;
  }
  const line = (text) => Object.assign(document.createElement("li"), { dir: "auto", textContent: text.length > 200 ? `${text.slice(0, 200)}…` : text });

  function show() {
    const items = waiting();
    document.getElementById("unsent")?.remove();
    if (beside) beside.hidden = !items.length;
    if (!items.length) return null;
    words.before(words.content.cloneNode(true));
    const banner = document.getElementById("unsent");
    banner.querySelector("ul").replaceChildren(...items.slice(0, 5).map((item) => line(textOf(item))), ...(items.length > 5 ? [line(`+ ${items.length - 5}`)] : []));
    return banner;
  }

  // The first press of the button says so where it was not to be seen; the second publishes without them.
  let said = false;
  document.querySelector(".ks-review-side")?.addEventListener("submit", (event) => {
    const banner = show();
    if (!banner || said) return;
    event.preventDefault();
    said = true;
    banner.scrollIntoView({ block: "center" });
    banner.focus();
  });
  addEventListener("storage", show);
  addEventListener("pageshow", show);
})();
