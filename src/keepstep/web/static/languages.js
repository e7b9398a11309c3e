// The languages with a script: what is typed is kept in this browser until the draft has it, so that a lost connection, a reload or a
// right that was withdrawn loses nothing. Each row is sent by htmx as it is left; every form works without any of this.
(() => {
  "use strict";
  const page = document.getElementById("texts");
  if (!page?.dataset.user) return;
  const words = page.dataset;
  const BASE = `keepstep-languages:${words.wizard}:${words.user}:`;
  const rowOf = (element) => element?.closest?.(".ks-text-row");
  const input = (row) => row.elements.text;
  const keyOf = (row) => `${BASE}${row.elements.to.value}:${row.elements.address.value}`;
  const rows = () => [...document.querySelectorAll(".ks-text-row")];
  const isKept = (key) => read(key) !== null;

  function read(key) {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  }
  // A full or forbidden storage keeps nothing; what is typed stands in its field all the same.
  function write(key, value) {
    try {
      if (value) localStorage.setItem(key, JSON.stringify(value));
      else localStorage.removeItem(key);
    } catch { /* see above */ }
  }

  function keep(row) {
    const { value, defaultValue } = input(row);
    const where = row.querySelector(".ks-meta")?.textContent ?? "";
    const was = read(keyOf(row))?.was ?? row.elements.was.value;
    write(keyOf(row), value === defaultValue ? null : { text: value, was, where, path: location.pathname + location.search, row: row.id });
  }
  document.addEventListener("input", (event) => {
    const row = rowOf(event.target);
    if (row && event.target.name === "text") keep(row);
  });

  // --- on its way ------------------------------------------------------------------------------------------------------
  function tell(row, text) {
    const foot = row.querySelector(".ks-text-foot");
    if (!foot) return;
    foot.querySelector(".ks-saved")?.remove();
    const told = foot.querySelector(".ks-kept") ?? foot.appendChild(Object.assign(document.createElement("span"), { className: "ks-kept" }));
    told.setAttribute("role", "status");
    told.textContent = text;
  }
  const sent = new WeakMap();
  document.addEventListener("htmx:before:request", (event) => {
    const row = rowOf(event.detail.ctx.sourceElement);
    if (!row) return;
    if (!navigator.onLine) {
      event.preventDefault();
      return waits(row);
    }
    sent.set(event.detail.ctx, [keyOf(row), input(row).value, row.id]);
  });
  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail.ctx;
    if (!sent.has(ctx)) return;
    const [key, text, id] = sent.get(ctx);
    if (ctx.response.status === 200 && read(key)?.text === text) write(key, null);
    const row = document.getElementById(id);
    // A problem that is no row of its own says so above; the text stays where it is.
    if (row && ctx.response.status !== 200 && ctx.response.headers.get("HX-Retarget")) tell(row, words.refused);
  });
  // Typed on while the row was on its way: the answer takes its place, and the text goes on from there.
  document.addEventListener("htmx:finally:swap", (event) => {
    const [key, , id] = sent.get(event.detail.ctx) ?? [];
    const row = id && document.getElementById(id);
    const kept = key && read(key);
    if (!row || !kept || kept.text === input(row).value) return;
    input(row).value = kept.text;
    if (document.activeElement !== input(row)) row.requestSubmit();
  });
  document.addEventListener("htmx:error", (event) => {
    const row = rowOf(event.detail.ctx?.sourceElement);
    if (row) waits(row);
  });
  function waits(row) {
    keep(row);
    tell(row, words.offline);
    document.dispatchEvent(new CustomEvent("ks:say", { detail: { text: words.offline } }));
    clearTimeout(again);
    again = setTimeout(sendKept, 15000);
  }
  let again = 0;
  function sendKept() {
    for (const row of rows()) if (isKept(keyOf(row)) && input(row) !== document.activeElement && !input(row).readOnly) row.requestSubmit();
  }
  addEventListener("online", sendKept);

  // --- what an earlier page kept -------------------------------------------------------------------------------------------
  // The text that its author saw goes along, so that what somebody else wrote meanwhile is shown and not replaced.
  function restore() {
    const shown = new Set();
    for (const row of rows()) {
      const kept = read(keyOf(row));
      if (!kept) continue;
      if (input(row).readOnly) continue;
      shown.add(keyOf(row));
      if (input(row).value === kept.text) { write(keyOf(row), null); continue; }
      input(row).value = kept.text;
      row.elements.was.value = kept.was;
      tell(row, words.kept);
      row.requestSubmit();
    }
    list(Object.keys(localStorage).filter((key) => key.startsWith(BASE) && !shown.has(key)));
  }
  // Of other languages and pages, or where one may only read.
  function list(keys) {
    const template = document.getElementById("kept-texts");
    if (!keys.length || !template) return;
    const banner = template.content.cloneNode(true);
    banner.querySelector("ul").replaceChildren(...keys.slice(0, 20).map((key) => {
      const kept = read(key) ?? { text: "", where: "", path: "", row: "" };
      const line = document.createElement("li");
      const link = Object.assign(document.createElement("a"), { href: `${kept.path}#${kept.row}`, textContent: kept.where || kept.row });
      const text = Object.assign(document.createElement("bdi"), { textContent: kept.text.slice(0, 200) });
      const drop = Object.assign(document.createElement("button"), { type: "button", className: "btn ks-small", textContent: words.drop });
      drop.addEventListener("click", () => {
        write(key, null);
        line.remove();
        if (!document.querySelector("#kept li")) document.getElementById("kept").remove();
      });
      line.append(link, ": ", text, " ", drop);
      return line;
    }));
    page.before(banner);
  }
  // Not before htmx has taken the forms over.
  addEventListener("load", () => setTimeout(() => {
    try { restore(); } catch { /* a forbidden storage keeps nothing */ }
  }));
})();
