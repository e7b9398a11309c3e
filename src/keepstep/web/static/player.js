// What the respondent's pages do better with a script, and do without one just as well: the summary of errors takes the focus, an
// exclusive box empties the others, the text for "Other" shows when it is wanted, and a long scale gets a slider.
(() => {
  "use strict";

  function begin() {
    // Without a script the browser itself goes to what is marked autofocus.
    for (const summary of document.querySelectorAll(".pl-summary:not([data-begun])")) {
      summary.dataset.begun = "1";
      summary.focus();
    }
    for (const scale of document.querySelectorAll("[data-scale]:not([data-begun])")) beginScale(scale);
    for (const other of document.querySelectorAll(".pl-choices .pl-other:not([data-begun])")) beginOther(other);
  }

  function beginScale(scale) {
    scale.dataset.begun = "1";
    const number = scale.querySelector("input");
    const slider = document.createElement("input");
    slider.type = "range";
    slider.className = "pl-slider";
    slider.setAttribute("aria-labelledby", `${number.id}-label`);
    for (const name of ["min", "max", "step"]) slider.setAttribute(name, scale.dataset[name]);
    // A slider always stands somewhere; while nothing is answered it is pale, and the number beside it is empty.
    const follow = () => {
      if (number.value) slider.value = number.value;
      slider.toggleAttribute("data-untouched", !number.value);
    };
    follow();
    slider.addEventListener("input", () => {
      number.value = slider.value;
      follow();
    });
    number.addEventListener("input", follow);
    scale.append(slider);
  }

  function beginOther(other) {
    other.dataset.begun = "1";
    const group = other.closest(".pl-choices");
    const box = other.previousElementSibling.querySelector("input");
    const show = () => { other.hidden = !box.checked && !other.querySelector("input").value; };
    group.addEventListener("change", show);
    show();
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    const group = box.closest?.(".pl-choices");
    if (!group || box.type !== "checkbox" || !box.checked) return;
    for (const each of group.querySelectorAll('input[type="checkbox"]')) {
      if (each !== box && (box.hasAttribute("data-exclusive") || each.hasAttribute("data-exclusive"))) each.checked = false;
    }
  });

  document.addEventListener("htmx:after:swap", () => {
    begin();
    // A new step begins at its title, as a new page would.
    if (document.activeElement === document.body) document.getElementById("step-title")?.focus();
  });
  begin();
})();
