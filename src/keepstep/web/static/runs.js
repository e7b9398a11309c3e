// The bar of the table of runs: shows with the first ticked row, and says how many and on which versions. Without it the bar always shows.
(() => {
  "use strict";

  function update() {
    const form = document.getElementById("pick");
    if (!form) return;
    const bar = form.querySelector(".ks-bulk");
    const count = bar.querySelector(".ks-bulk-count");
    const ticked = [...form.querySelectorAll('input[name="run"]:checked')];
    const all = form.querySelector('input[name="all"]').checked;
    form.classList.add("ks-scripted");
    form.classList.toggle("ks-picking", ticked.length > 0 || all);
    const many = all ? Number(form.dataset.total) : ticked.length;
    count.textContent = all && !form.dataset.total ? count.dataset.all : many === 1 ? count.dataset.one : count.dataset.many.replace("#", many.toLocaleString());
    const versions = all ? [] : [...new Set(ticked.map((each) => each.dataset.version))].sort((a, b) => a - b);
    for (const each of versions) {
      const chip = document.createElement("span");
      chip.className = "ks-version";
      chip.textContent = `v${each}`;
      count.append(" ", chip);
    }
    const head = form.querySelector("#tick-page");
    const boxes = form.querySelectorAll('input[name="run"]');
    head.checked = ticked.length === boxes.length;
    head.indeterminate = ticked.length > 0 && ticked.length < boxes.length;
  }

  // The box in the heading needs a script to tick others, so it is made here.
  function ready() {
    const form = document.getElementById("pick");
    if (!form || form.querySelector("#tick-page")) return;
    const head = form.querySelector("thead .ks-tick");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.id = "tick-page";
    box.className = "form-check-input";
    box.setAttribute("aria-label", head.textContent.trim());
    head.replaceChildren(box);
    update();
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "tick-page") {
      for (const each of document.querySelectorAll('#pick input[name="run"]')) each.checked = event.target.checked;
    }
    if (event.target.closest("#pick")) update();
  });
  document.addEventListener("htmx:after:swap", ready);
  window.addEventListener("pageshow", () => { ready(); update(); });
  ready();
})();
