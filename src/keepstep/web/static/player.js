// What the respondent's pages do better with a script, and do without one just as well: the summary of errors takes the focus, an
// exclusive box empties the others, the text for "Other" shows when it is wanted, a long scale gets a slider, and questions that
// an answer opens come at once.
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

  // Questions that answers on the same page open or close, and what is calculated from them: the server says it, what stands in the others stays untouched.
  const form = document.querySelector("form[data-live]");
  if (form) {
    let pending, asked = 0;
    const put = (fresh) => {
      const list = document.getElementById("questions");
      const known = new Map([...list.children].map((each) => [each.id, each]));
      let last = null;
      for (const each of [...fresh.children]) {
        const old = known.get(each.id);
        const result = old?.querySelector("output");
        if (result) result.replaceWith(each.querySelector("output"));
        const here = old || each;
        known.delete(each.id);
        if (old?.hidden) show(old, true);
        if (!old) list.insertBefore(here, last ? last.nextElementSibling : list.firstElementChild);
        last = here;
      }
      // Kept aside with what was typed in it, for somebody who changes their mind.
      for (const old of known.values()) show(old, false);
      begin();
    };
    const show = (question, is) => {
      question.hidden = !is;
      for (const each of question.querySelectorAll("input, select, textarea")) each.disabled = !is;
    };
    const look = async () => {
      const number = ++asked;
      const data = new FormData(form);
      for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
      data.set("go", "look");
      try {
        const answer = await fetch(form.action, { method: "POST", body: data });
        if (!answer.ok || answer.redirected || number !== asked) return;
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("questions");
        if (fresh) put(fresh);
      } catch { /* Without a connection the server asks when the page is sent. */ }
    };
    form.addEventListener("change", () => {
      clearTimeout(pending);
      pending = setTimeout(look, 120);
    });
  }

  for (const link of document.querySelectorAll("[data-copy]")) {
    link.addEventListener("focus", () => link.select());
    if (!navigator.clipboard) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pl-button pl-quiet";
    button.textContent = link.dataset.copy;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(link.value);
      button.textContent = link.dataset.copied;
    });
    link.after(button);
  }

  // In a frame of another site: say how high the page is, and that a new one begins at its top.
  if (document.body.hasAttribute("data-embedded") && parent !== window) {
    const tell = (more) => parent.postMessage({ keepstepHeight: document.body.scrollHeight, ...more }, "*");
    new ResizeObserver(() => tell()).observe(document.body);
    tell({ keepstepTop: true });
  }

  document.addEventListener("htmx:after:swap", () => {
    begin();
    // A new step begins at its title, as a new page would.
    if (document.activeElement === document.body) document.getElementById("step-title")?.focus();
  });
  begin();
})();
