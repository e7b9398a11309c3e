// The builder with a script: every form is sent as it is left, one after the other, and kept in this browser until the server has it;
// parts are exchanged in place; nodes can be dragged. Every form and link works without it.
(() => {
  "use strict";
  const builder = document.getElementById("builder");
  if (!builder) return;
  document.documentElement.classList.add("ks-js");
  const words = builder.dataset;
  const byId = (id) => document.getElementById(id);
  const say = (text) => text && document.dispatchEvent(new CustomEvent("ks:say", { detail: { text } }));

  // --- what waits to be sent ---------------------------------------------------------------------------------------
  // The queue lies in the browser's storage, so that a lost connection, a reload or a closed window loses nothing. Each page has a key
  // of its own, under a lock that it holds while it lives: another page takes the queue over when the lock is free, never earlier.
  const BASE = `keepstep-build:${words.wizard}:${words.user}`;
  const PAGE = Date.now().toString(36) + Math.random().toString(36).slice(2);
  const KEY = `${BASE}:${PAGE}`;
  const owns = {}; // by page: revisions that it made; they are no other person's edits
  let queue = [];
  let aside = []; // edits that wait for a person and not for the server: they are shown, and sent or dropped by a button
  let stored = false;
  let sending = false;
  let retry = 0;

  // Says whether the queue is in the storage. A full or forbidden one: the queue lives as long as the page does.
  function store() {
    try {
      if (isTaken()) [queue, aside] = [queue, aside].map((list) => list.filter((each) => !each.stored));
      for (const each of [...queue, ...aside]) each.stored = true;
      stored = queue.length + aside.length > 0;
      if (stored) localStorage.setItem(KEY, JSON.stringify({ owns, queue, aside }));
      else localStorage.removeItem(KEY);
      return true;
    } catch { return false; }
  }
  // Without locks (no secure connection) the next page takes everything, and this one finds its key gone.
  const isTaken = () => stored && localStorage.getItem(KEY) === null;

  function take(key) {
    let kept;
    try { kept = JSON.parse(localStorage.getItem(key)); } catch { return; }
    if (!kept) return;
    const before = [queue, aside];
    // Older than what this page made, but not before what is on its way or asked about.
    const at = sending || asking ? 1 : 0;
    // What was asked about when its page went is sent again only by somebody; what was only pressed is not done.
    const older = kept.queue ?? kept;
    queue = [...queue.slice(0, at), ...older.filter((each) => !each.asked), ...queue.slice(at)];
    aside = [...(kept.aside ?? []), ...older.filter((each) => each.asked && each.auto), ...aside];
    Object.assign(owns, kept.owns);
    if (!store()) { [queue, aside] = before; return; }
    localStorage.removeItem(key);
    showAside();
    send();
  }
  // What nobody holds is taken at once. For the rest the page waits, and then gives the tab that is only being reloaded the time to take
  // its own queue back.
  function adopt(key, former) {
    if (!navigator.locks) return take(key);
    if (key === former) return navigator.locks.request(key, () => take(key));
    navigator.locks.request(key, { ifAvailable: true }, (lock) => {
      if (lock) return take(key);
      navigator.locks.request(key, () => { setTimeout(adopt, 3000, key); });
    });
  }
  const awaited = new Set([KEY]);
  function adoptOthers(keys, former) {
    for (const key of keys) {
      if (!key.startsWith(BASE) || awaited.has(key)) continue;
      awaited.add(key);
      adopt(key, former);
    }
  }
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue === null && !asking && !sending) store();
    else if (key?.startsWith(BASE) && newValue === null) idle();
    else if (key && newValue && navigator.locks) adoptOthers([key]);
  });
  // A page that comes back as it was left may have been taken over meanwhile.
  addEventListener("pageshow", (event) => event.persisted && location.reload());

  // What an edit is about: forms of one name are made for each node and language.
  const nodeOf = (data) => ["option_set_id", "step_id", "value", "lang"].map((name) => data.get(name) ?? "").join();

  function enqueue(item) {
    // The same form left twice before it was sent is one edit: the later one holds what the earlier did.
    const last = queue.at(-1);
    if (last && item.auto && last.auto && last.form === item.form && last.path === item.path && !(sending && queue.length === 1)) {
      const about = (body) => new URLSearchParams(body).get("has") + nodeOf(new URLSearchParams(body));
      if (last.page === PAGE && about(last.body) === about(item.body)) queue.pop();
    }
    queue.push({ ...item, page: PAGE });
    store();
    send();
  }

  // Where another person signed in on this page, what waits stays in the storage of the first unless it is sent in the other's name; then
  // the page becomes theirs.
  let stranger = false;
  let handedOver = false;
  document.addEventListener("ks:another", ({ detail }) => {
    stranger = !detail.sends;
    handedOver = detail.sends;
  });
  const sendAgain = Object.assign(() => send(), { typed: () => queue.map(textOf).filter(Boolean).join("\n") });
  const textOf = (item) => typedIn(item).flatMap(([, values]) => values).join(" · ") || new URLSearchParams(item.body).get("label") || "";

  async function send() {
    if (sending || asking || stranger) return;
    if (stored) store();
    if (!queue.length) return;
    sending = true;
    show("saving");
    const item = queue[0];
    let answer = null;
    try {
      const body = new URLSearchParams(item.body);
      if (owns[item.page]) body.set("own", owns[item.page].join(","));
      answer = await fetch(item.path, { method: "POST", body, headers: headers(), credentials: "same-origin" });
    } catch { /* no connection */ }
    sending = false;
    await settle(item, answer);
  }

  // Whoever names the draft of their outline gets no other for the same draft: not where what one may do has changed.
  function headers(whole = false) {
    const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
    const own = { "HX-Request": "true", "HX-Request-Type": "partial", Accept: "text/html", "X-CSRF-Token": token };
    return whole ? own : { ...own, "X-Draft-Revision": builder.dataset.revision };
  }

  async function settle(item, answer) {
    if (!answer || answer.status >= 500 || answer.status === 429) return later(answer);
    retry = 0;
    const html = await answer.text();
    await window.ksHistory;
    if (answer.status === 401) {
      show("out");
      document.dispatchEvent(new CustomEvent("ks:sign-in", { detail: { html, then: sendAgain } }));
      return;
    }
    if (answer.headers.get("HX-Retarget") === "#dialog") return ask(item, html);
    const made = answer.headers.get("X-Revision-Made");
    if (made) (owns[item.page] ??= []).push(...made.split(","));
    drop(item);
    if (answer.status >= 400 && !answer.headers.has("X-Draft-Revision")) {
      // The right to edit is withdrawn, the wizard in the trash, or what this is about gone: what was typed is kept all the same.
      if (item.auto) {
        item.why = new DOMParser().parseFromString(html, "text/html").querySelector("strong")?.textContent.trim() ?? "";
        item.asked = false;
        setAside(item);
      }
      return notice(html);
    }
    if (queue.length) return send();
    if (handedOver) return location.reload();
    // What another page left here does not lead away from what this one shows.
    if (answer.ok && item.page !== PAGE) return visit(location.href, { push: false });
    exchange(html, item, answer.headers);
    show(answer.ok ? "saved" : "refused");
  }

  // A server that is away (502 to 504) is waited for; an edit that it fails on again and again makes room for those behind it.
  const TRIES = 3;
  function later(answer) {
    const item = queue[0];
    if (answer?.status === 500 && item && (item.tries = (item.tries ?? 0) + 1) >= TRIES) {
      retry = 0;
      item.tries = 0;
      item.failed = true;
      item.asked = false;
      setAside(item);
      say(words.sayAside);
      if (queue.length) send();
      return;
    }
    show("offline");
    if (!retry) say(answer ? words.sayFailed : words.sayOffline);
    retry = Math.min((retry || 1000) * 2, 30000);
    setTimeout(send, retry);
  }
  // A closed dialog of signing in is opened again by asking the server again.
  document.addEventListener("click", (event) => { if (event.target.closest("[data-sign-in]")) send(); });
  addEventListener("online", () => { retry = 0; if (queue.length) send(); else idle(); });
  // Another page has what waited here: this one shows the draft once that page has sent it.
  function idle() {
    if (queue.length || byId("save-state")?.dataset.state !== "offline") return;
    if (!Object.keys(localStorage).some((key) => key.startsWith(BASE))) visit(location.href, { push: false });
  }

  function show(state) {
    const chip = byId("save-state");
    if (!chip) return;
    if (state === "saved" && aside.length) state = "refused";
    chip.dataset.state = state;
    if (chip.dataset[state]) chip.querySelector(".kb-state").textContent = chip.dataset[state];
  }

  function notice(html) {
    byId("notices").innerHTML = html;
    show("refused");
    if (queue.length) return send();
    visit(location.href, { push: false, keepNotices: true });
  }

  // --- questions -----------------------------------------------------------------------------------------------------
  // The edit stays at the head of the queue while its question is open: a reload asks again.
  let asking = null;
  function ask(item, html) {
    item.collided = html.includes("data-theirs");
    show(item.collided ? "conflict" : "asking");
    item.asked = true;
    store();
    asking = item;
    document.dispatchEvent(new CustomEvent("ks:dialog", { detail: { html } }));
  }

  function answer(form, submitter) {
    const item = asking;
    asking = null;
    if (form.matches("[data-answer]")) {
      item.asked = false;
      item.path = form.getAttribute("action");
      item.body = new URLSearchParams(new FormData(form, submitter)).toString();
      store();
      byId("dialog").close();
      send();
      return true;
    }
    drop(item); // another page takes it from here
    return false;
  }

  // Cancelled is not done: the saved value stands there again. Where somebody else changed the same, what was typed is kept until its
  // author says that it may go ("Keep it as it is now").
  let theirs = false;
  byId("dialog").addEventListener("click", (event) => { theirs = !!event.target.closest("[data-theirs]"); }, true);
  byId("dialog").addEventListener("close", () => {
    const kept = !theirs && asking?.auto && asking.collided;
    theirs = false;
    if (!asking) return;
    const item = asking;
    asking = null;
    if (kept) setAside(item);
    else drop(item);
    if (item.added && byId("new-option")) byId("new-option").value = new URLSearchParams(item.body).get("label") ?? "";
    if (queue.length) send();
    else visit(location.href, { push: false });
  });

  function drop(item) {
    queue = queue.filter((each) => each !== item);
    store();
  }

  // --- what was set aside ------------------------------------------------------------------------------------------------
  function setAside(item) {
    queue = queue.filter((each) => each !== item);
    aside.push(item);
    store();
    showAside();
  }
  function takeBack(item) {
    aside = aside.filter((each) => each !== item);
    store();
    showAside();
  }
  const typedIn = (item) => {
    const body = new URLSearchParams(item.body);
    return (body.get("has") || "").split(",").filter(Boolean).map((name) => [name, body.getAll(name)]);
  };

  function showAside() {
    const list = byId("unsaved");
    list.replaceChildren(...aside.map((item) => {
      const one = byId("unsaved-one").content.cloneNode(true);
      const text = item.told || textOf(item);
      const typed = one.querySelector("[data-typed]");
      if (text) typed.textContent = text;
      // All of it can be read, and copied, where its form is not there any more.
      if (text.length > 200) typed.tabIndex = 0;
      one.querySelector("[data-failed]").hidden = !item.failed;
      if (item.why) one.querySelector("[data-why]").textContent = `(${item.why})`;
      one.querySelector("[data-send]").onclick = () => { takeBack(item); queue.push(item); store(); send(); };
      one.querySelector("[data-drop]").onclick = () => { takeBack(item); visit(location.href, { push: false, focus: item.focus }); };
      return one;
    }));
    refill();
    if (aside.length && !queue.length && !sending) show("refused");
  }

  // What was typed is there again wherever its form is. The form does not send it by itself: only with what is typed in it next.
  const isOf = (form, item) => nodeOf(new FormData(form)) === nodeOf(new URLSearchParams(item.body));
  function refill() {
    for (const form of builder.querySelectorAll("form[data-auto]")) form.classList.remove("kb-unsaved");
    for (const item of aside) {
      const form = byId(item.form);
      if (!form || !isOf(form, item) || isDirty(form)) continue;
      form.classList.add("kb-unsaved");
      for (const [name, values] of typedIn(item)) for (const input of form.elements) {
        if (input.name !== name || input.type === "hidden") continue;
        if (input.type === "checkbox") input.checked = values.includes(input.value);
        else if (input.value !== values[0]) input.value = values[0] ?? "";
      }
      settleValues(form);
    }
  }
  // The edit with what was set aside of the same form, which it replaces.
  function withAside(form, body) {
    const older = aside.filter((item) => item.form === form.id && isOf(form, item));
    if (!older.length) return body;
    const data = new URLSearchParams(body);
    const names = new Set(data.get("has").split(",").filter(Boolean));
    for (const item of older) {
      for (const [name, values] of typedIn(item)) {
        if (names.has(name)) continue;
        names.add(name);
        data.delete(name);
        for (const value of values) data.append(name, value);
      }
      data.set("base", new URLSearchParams(item.body).get("base"));
      takeBack(item);
    }
    data.set("has", [...names].join(","));
    return data.toString();
  }

  // --- forms -----------------------------------------------------------------------------------------------------------
  function bodyOf(form, submitter) {
    const data = new FormData(form, submitter);
    if (form.matches("[data-auto]")) {
      // Only what was touched: what somebody else changed in the other inputs meanwhile is not taken back.
      const touched = [...form.elements].filter((each) => each.name && each.type !== "hidden" && isTouched(each)).map((each) => each.name);
      data.set("has", touched.join(","));
      data.delete("whole");
    }
    return new URLSearchParams(data).toString();
  }
  function isTouched(input) {
    if (input.type === "checkbox") return input.checked !== input.defaultChecked;
    if (input.tagName === "SELECT") return [...input.options].some((option) => option.selected !== option.defaultSelected);
    return input.value !== input.defaultValue;
  }
  // What is changed in words: the question, the names of the inputs, and what is shown in them.
  function toldOf(form) {
    const data = new FormData(form);
    const row = byId(`row-${data.get("option_set_id") ?? data.get("step_id")}`);
    const parts = [...form.elements].filter((each) => each.name && each.type !== "hidden" && each.tagName !== "BUTTON" && isTouched(each)).map((each) => {
      const value = each.type === "checkbox" ? (each.checked ? "✓" : "–") : each.tagName === "SELECT" ? each.selectedOptions[0]?.text : each.value;
      return `${each.labels?.[0]?.textContent.trim() ?? ""}: ${value}`;
    });
    return [row?.querySelector(".kb-row-name")?.textContent, parts.join(" · ")].filter(Boolean).join(" – ");
  }
  const isDirty = (form) => [...form.elements].some((each) => each.name && each.type !== "hidden" && each.tagName !== "BUTTON" && isTouched(each));

  function submit(form, submitter) {
    const auto = form.matches("[data-auto]");
    if (auto && !isDirty(form)) return;
    const focus = submitter?.id || document.activeElement?.id || "";
    const body = auto ? withAside(form, bodyOf(form, submitter)) : bodyOf(form, submitter);
    // A second click of what is on its way says nothing new.
    const path = form.getAttribute("action");
    if (!auto && queue.some((each) => each.path === path && each.body === body)) return;
    const told = auto ? toldOf(form) : "";
    enqueue({ form: form.id, path, body, told, auto, focus, added: form.matches(".kb-add-option") });
    if (auto) settleValues(form);
    if (form.matches(".kb-add-option")) form.reset();
  }
  // What is in the queue is no longer to be saved by this form.
  function settleValues(form) {
    for (const each of form.elements) {
      if (each.type === "checkbox") each.defaultChecked = each.checked;
      else if (each.tagName === "SELECT") for (const option of each.options) option.defaultSelected = option.selected;
      else if ("defaultValue" in each && each.type !== "hidden") each.defaultValue = each.value;
    }
  }

  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form?.matches("[data-auto]")) submit(form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A form within the question is no answer to it.
    if (form.matches("[data-within]")) return;
    if (asking && form.closest("dialog")) {
      if (answer(form, event.submitter)) event.preventDefault();
      return;
    }
    if (!form.matches("[data-edit]") || event.defaultPrevented) return;
    event.preventDefault();
    if (event.submitter?.hasAttribute("data-disabled")) return;
    const dialog = form.closest("dialog");
    submit(form, event.submitter);
    dialog?.close();
  }, true);
  // Enter ends a line of text; Shift+Enter makes a new one where there may be several.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.id === "new-option") {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
    if (event.key === "Enter" && !event.shiftKey && event.target.matches(".kb-inline textarea[name='name']")) {
      event.preventDefault();
      if (isDirty(event.target.form)) submit(event.target.form);
    }
    // In a text the browser's own undo is meant; a switch or a menu has none.
    const step = event.target.closest("textarea, input:not([type=checkbox], [type=radio])") ? null : event.ctrlKey || event.metaKey ? event.key.toLowerCase() : null;
    if (step === "z" || step === "y") {
      const button = byId(step === "y" || event.shiftKey ? "redo" : "undo");
      if (button && !button.disabled) { event.preventDefault(); button.click(); }
    }
  });
  // A link that leads away waits for what is on its way: what was typed last is part of what comes next, such as the review.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || !sending || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
    if (link.matches("[data-select], [data-preview], [hx-get]") || new URL(link.href).pathname === location.pathname) return;
    event.preventDefault();
    const until = Date.now() + 3000;
    const leave = () => (sending || queue.length) && !asking && Date.now() < until ? setTimeout(leave, 50) : asking || location.assign(link.href);
    leave();
  });
  // What was typed and not left yet goes into the queue before the page does.
  addEventListener("pagehide", () => {
    for (const form of builder.querySelectorAll("form[data-auto]")) if (isDirty(form)) submit(form);
  });

  // --- parts exchanged in place ------------------------------------------------------------------------------------------
  function exchange(html, item, headers) {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    const parts = parsed.querySelectorAll("template[data-into]");
    const active = document.activeElement;
    const id = item.focus || active?.id || "";
    const caret = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
    const scrolls = [...builder.querySelectorAll("[data-scroll]")].map((each) => [each.dataset.scroll, each.scrollTop]);
    const canvas = byId("canvas").scrollTop;
    const kept = [...builder.querySelectorAll("form[data-auto], .kb-add-option")].filter((form) => form.id && isDirty(form));
    const open = new Map([...builder.querySelectorAll("details[data-keep]")].map((each) => [each.dataset.keep, each.open]));
    for (const part of parts) {
      const into = byId(part.dataset.into);
      into.replaceChildren(part.content);
      window.htmx?.process(into);
    }
    for (const part of parsed.querySelectorAll("template[data-instead]")) byId(part.dataset.instead)?.replaceWith(part.content);
    for (const form of kept) {
      const now = byId(form.id);
      if (!form.isConnected && now && nodeOf(new FormData(now)) === nodeOf(new FormData(form))) now.replaceWith(form);
    }
    const named = byId("wizard-name");
    if (named.title !== named.textContent) {
      named.title = named.textContent;
      document.title = `${named.textContent} – Keepstep`;
    }
    markPane();
    seen(headers, kept);
    for (const each of builder.querySelectorAll("details[data-keep]")) if (open.has(each.dataset.keep)) each.open = open.get(each.dataset.keep) || !!each.querySelector("[aria-invalid]");
    for (const [name, top] of scrolls) { const pane = builder.querySelector(`[data-scroll="${name}"]`); if (pane) pane.scrollTop = top; }
    byId("canvas").scrollTop = canvas;
    if (byId("builder").dataset.revision !== drawer.dataset.revision) refreshPreview();
    drawer.dataset.revision = byId("builder").dataset.revision;
    refill();
    filter();
    refocus(id, caret, active, item);
    say(parsed.querySelector("template[data-say]")?.content.textContent.trim());
    sortables();
    counts();
    if (!parsed.querySelector('[data-into="outline-problems"]') && item.path) problemsLater();
  }

  // The page is of this draft now; a form that somebody is still typing in stays one of the draft that it was made of.
  function seen(headers, kept) {
    const revision = headers.get("X-Draft-Revision");
    if (!revision) return;
    builder.dataset.revision = revision;
    for (const input of document.querySelectorAll('input[name="base"]')) if (!kept.includes(input.form)) input.value = revision;
    const node = headers.get("X-Node");
    if (!node) return;
    for (const row of builder.querySelectorAll(".kb-row")) {
      if (row.id === `row-${node}`) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
    place();
  }

  let problemsTimer = 0;
  function problemsLater() {
    clearTimeout(problemsTimer);
    problemsTimer = setTimeout(async () => {
      if (sending || queue.length) return;
      try {
        const answer = await fetch(words.problems, { headers: headers(), credentials: "same-origin" });
        if (!answer.ok || sending || queue.length) return;
        const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parsed.querySelectorAll('[data-into$="-problems"]')) {
          const into = byId(part.dataset.into);
          // The list that somebody reads or goes through stays as it is while it says the same.
          if (into.textContent === part.content.textContent) continue;
          const open = into.querySelector("details")?.open;
          into.replaceChildren(part.content);
          if (open) into.querySelector("details")?.toggleAttribute("open", true);
        }
      } catch { /* the count is looked for again after the next edit */ }
    }, 1000);
  }

  function refocus(id, caret, before, item) {
    const chosen = builder.querySelector(".kb-item.kb-selected");
    const invalid = builder.querySelector("[aria-invalid=true]");
    if (invalid) return invalid.focus();
    if (item.added) return byId("new-option")?.focus();
    const name = byId("f-question-name") ?? byId("f-step-name");
    if (/\/add-(step|option-set)$/.test(item.path ?? "") && name) {
      name.focus();
      return name.select();
    }
    const again = id ? byId(id) : null;
    again?.focus({ preventScroll: true });
    if (again && again === document.activeElement) {
      if (caret && before?.id === id && "setSelectionRange" in again && again.type !== "checkbox") {
        try { again.setSelectionRange(...caret); } catch { /* no text input */ }
      }
    } else if (id || item.path || item.led) {
      // What was pressed is gone: on to its neighbour, or to what the edit led to, wherever that can be seen.
      focusFirst([...besideLast(), builder.querySelector(".kb-row[aria-current]"), chosen, name,
        builder.querySelector("[data-pane-link][aria-current]")]);
    }
    if (item.path) chosen?.scrollIntoView({ block: "nearest" });
  }

  function focusFirst(candidates) {
    for (const each of candidates) {
      if (!each?.checkVisibility()) continue;
      each.focus({ preventScroll: true });
      if (document.activeElement === each) return each.scrollIntoView({ block: "nearest" });
    }
  }

  // Where in a list something was pressed last: what stands there once it is gone is its neighbour.
  let last = null;
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".kb-options > li, .kb-shelf li, .kb-rules > li, .kb-endings > li");
    if (!row) {
      if (!event.target.closest("dialog")) last = null;
      return;
    }
    const list = row.parentElement;
    last = { selector: list.matches(".kb-shelf ul") ? ".kb-shelf ul" : `.${list.classList[0]}`, at: [...list.children].indexOf(row), of: list.children.length };
  }, true);
  function besideLast() {
    const list = last && builder.querySelector(last.selector);
    const rows = [...(list?.children ?? [])];
    const gone = last && rows.length < last.of;
    const row = gone && rows[Math.min(last.at, rows.length - 1)];
    last = null;
    return row ? [...row.querySelectorAll("input:not([type=hidden]), summary, button")].slice(0, 1) : [];
  }

  // The address says what is chosen, so that a reload and Back show it.
  function place() {
    const row = builder.querySelector(".kb-row[aria-current]");
    const path = row?.getAttribute("href");
    const url = new URL(location.href);
    if (path && new URL(path, url).searchParams.get("node") !== url.searchParams.get("node")) history.replaceState(null, "", path);
    else if (url.searchParams.has("done")) { url.searchParams.delete("done"); history.replaceState(null, "", url); }
  }

  async function visit(path, { push = true, focus = "", keepNotices = false, led = false } = {}) {
    let answer;
    try { answer = await fetch(path, { headers: headers(keepNotices), credentials: "same-origin" }); } catch { return say(words.sayOffline); }
    const html = await answer.text();
    await window.ksHistory;
    if (answer.status === 401) return document.dispatchEvent(new CustomEvent("ks:sign-in", { detail: { html, then: () => visit(path, { push, focus }) } }));
    // Where not even looking is allowed any more, what was typed can still be read here.
    if (!answer.ok) return keepNotices && aside.length ? undefined : location.assign(path);
    if (queue.length) return; // what comes back after the queue is newer
    if (push) history.pushState(null, "", path);
    if (!keepNotices) byId("notices").replaceChildren();
    exchange(html, { focus, led }, answer.headers);
    if (!byId("save-state").dataset.state || queue.length === 0) show("saved");
    if (push) (byId("palette") ?? builder.querySelector(".kb-item.kb-selected"))?.scrollIntoView({ block: "nearest" });
  }
  addEventListener("popstate", () => visit(location.href, { push: false }));
  // This page shows by itself what an entry of the history is about; htmx would load it anew.
  document.addEventListener("htmx:before:history:restore", (event) => event.preventDefault());

  // What a dialog did beside the queue leads to the builder again: shown in place, so that nothing is lost, the focus last of all.
  document.addEventListener("htmx:after:request", (event) => {
    const path = event.detail.ctx.response?.headers?.get("HX-Redirect");
    const url = path && new URL(path, location.href);
    if (!url || url.pathname !== location.pathname) return;
    event.preventDefault();
    builder.querySelector("#outline .kb-row[aria-current]")?.removeAttribute("aria-current");
    byId("dialog").close();
    visit(url.pathname + url.search, { push: false, led: true });
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (link.matches("[data-pane-link]")) {
      event.preventDefault();
      showPane(link.dataset.paneLink);
    } else if (link.matches("[data-select]")) {
      event.preventDefault();
      // On a narrow window the chosen thing is looked at next.
      if (builder.dataset.pane === "outline") showPane("step");
      for (const form of builder.querySelectorAll("form[data-auto]")) if (isDirty(form)) submit(form);
      after(() => visit(link.getAttribute("href"), { focus: link.dataset.focus || link.id }));
    } else if (link.matches("[data-theirs]")) event.preventDefault();
  });
  function showPane(name) {
    builder.dataset.pane = name;
    markPane();
    reveal();
  }
  function markPane() {
    for (const each of builder.querySelectorAll("[data-pane-link]")) {
      if (each.dataset.paneLink === builder.dataset.pane) each.setAttribute("aria-current", "true");
      else each.removeAttribute("aria-current");
    }
  }
  // Once everything is sent, or at once when nothing can be.
  function after(then) {
    if (!sending) return then();
    const timer = setInterval(() => { if (!sending) { clearInterval(timer); then(); } }, 20);
  }

  // --- palette, counts, dragging --------------------------------------------------------------------------------------------
  document.addEventListener("input", (event) => {
    if (event.target.id !== "palette-find") return;
    const wanted = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const button of builder.querySelectorAll(".kb-type")) {
      button.parentElement.hidden = !wanted.every((word) => button.dataset.words.includes(word));
      found += button.parentElement.hidden ? 0 : 1;
    }
    builder.querySelector("[data-none]").hidden = found > 0;
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest("#palette")) return;
    const buttons = [...builder.querySelectorAll("li:not([hidden]) > .kb-type")];
    const at = buttons.indexOf(document.activeElement);
    if (event.key === "Escape") builder.querySelector("#palette a")?.click();
    else if (event.key === "Enter" && event.target.id === "palette-find") { event.preventDefault(); buttons[0]?.click(); }
    else if (event.key === "ArrowDown") { event.preventDefault(); buttons[Math.min(at + 1, buttons.length - 1)]?.focus(); }
    else if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); (buttons[at - 1] ?? byId("palette-find")).focus(); }
  });

  // --- the outline: found by words, and opened where the address points ------------------------------------------------------
  // What is searched for stays when the outline comes anew; the server hides the same rows where there is no script.
  let wanted = byId("outline-find")?.value ?? "";
  const has = (row, words) => {
    const text = `${row.textContent} ${row.title} ${row.dataset.key}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  function filter() {
    const input = byId("outline-find");
    if (!input) return;
    if (input !== document.activeElement) input.value = wanted;
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    let steps = 0;
    for (const step of builder.querySelectorAll(".kb-steps > li")) {
      const whole = has(step.querySelector(".kb-step-row"), words);
      let own = 0;
      for (const each of step.querySelectorAll(".kb-sets > li")) {
        each.hidden = !whole && !has(each.querySelector(".kb-row"), words);
        own += each.hidden ? 0 : 1;
      }
      step.hidden = !whole && !own;
      steps += step.hidden ? 0 : 1;
      found += own;
    }
    const told = byId("outline-found");
    told.hidden = !words.length;
    told.textContent = steps ? told.dataset.some.replace("{found}", found).replace("{all}", told.dataset.all) : told.dataset.none;
  }
  document.addEventListener("input", (event) => {
    if (event.target.id !== "outline-find") return;
    wanted = event.target.value;
    filter();
  });
  document.addEventListener("submit", (event) => { if (event.target.matches("[data-find]")) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "outline-find" || event.key !== "ArrowDown") return;
    event.preventDefault();
    builder.querySelector(".kb-steps li:not([hidden]) > .kb-row")?.focus();
  });

  // A menu that opens below the edge of its pane is brought into sight.
  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (!menu.open || !menu.matches(".ks-menu")) return;
    const [pane, body] = [menu.closest("[data-scroll]"), menu.querySelector(".ks-menu-body")];
    if (!pane || !body) return;
    const [around, own] = [pane.getBoundingClientRect(), body.getBoundingClientRect()];
    const top = menu.getBoundingClientRect().top;
    if (own.bottom > around.bottom - 8) pane.scrollTop += Math.min(own.bottom - around.bottom + 8, top - around.top - 8);
  }, true);

  // By hand and not by scrollIntoView, which would move the page around the panes as well.
  function bring(pane, element) {
    if (!pane || !element) return;
    const [around, own] = [pane.getBoundingClientRect(), element.getBoundingClientRect()];
    if (own.top < around.top || own.bottom > around.bottom) pane.scrollTop += own.top - around.top - Math.max(12, (around.height - own.height) / 3);
  }
  function reveal() {
    const row = builder.querySelector(".kb-row[aria-current]");
    bring(row?.closest("[data-scroll]"), row);
    bring(byId("canvas"), builder.querySelector(".kb-item.kb-selected"));
  }

  // --- the preview beside the canvas ---------------------------------------------------------------------------------------
  // In a frame, so that it has its width and ids to itself. On a narrow window the link leads to its page, as without a script.
  const drawer = byId("preview-drawer");

  function preview(link) {
    const bare = new URL(link.href);
    drawer.querySelector("[data-preview-page]").href = link.href;
    bare.searchParams.set("bare", "1");
    let frame = drawer.querySelector("iframe");
    if (!frame) {
      frame = drawer.querySelector("template").content.firstElementChild.cloneNode(true);
      drawer.querySelector(".kb-drawer-body").append(frame);
      frame.addEventListener("load", () => frame.contentDocument?.addEventListener("keydown", escape));
    }
    frame.width = drawer.querySelector('[data-width][aria-pressed="true"]').dataset.width;
    frame.src = bare.href;
    drawer.hidden = false;
    builder.classList.add("kb-previewing");
    byId("preview-title").focus();
  }

  // The draft has changed: the same answers at the same step, shown anew. Sent by no button, the form stays where it is.
  function refreshPreview() {
    if (!drawer.hidden) drawer.querySelector("iframe")?.contentDocument?.querySelector("#preview form")?.requestSubmit();
  }

  function closePreview() {
    drawer.hidden = true;
    drawer.querySelector("iframe")?.remove();
    builder.classList.remove("kb-previewing");
    byId("preview-open")?.focus();
  }

  function escape(event) {
    if (event.key === "Escape" && !drawer.hidden && !document.getElementById("dialog").open) closePreview();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-preview]");
    if (link && innerWidth >= 1024 && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      preview(link);
    }
    if (event.target.closest("[data-preview-close]")) closePreview();
    const width = event.target.closest("[data-width]");
    if (!width || !drawer.contains(width)) return;
    for (const each of drawer.querySelectorAll("[data-width]")) each.setAttribute("aria-pressed", String(each === width));
    drawer.querySelector("iframe").width = width.dataset.width;
  });
  drawer.addEventListener("keydown", escape);

  // Counts that would have kept the page waiting come after it.
  function counts() {
    const link = builder.querySelector("a[data-counts]");
    if (link && !link.dataset.asked) {
      link.dataset.asked = "1";
      visit(link.href, { push: false });
    }
  }

  function move(act, fields) {
    const form = byId("drag-form");
    const body = new URLSearchParams(new FormData(form));
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    enqueue({ form: "drag-form", path: words.edit.replace("ACT", act), body: body.toString(), auto: false, focus: "" });
  }
  // Of a long list the page shows a part: behind its last item comes the first of the next part.
  const following = (element) => element.nextElementSibling?.dataset.id ?? element.parentElement.dataset.next ?? "";

  function sortables() {
    if (!window.Sortable || !byId("drag-form")) return;
    const options = { animation: 120, ghostClass: "kb-ghost", delay: 150, delayOnTouchOnly: true };
    for (const list of builder.querySelectorAll("[data-sort]")) {
      const kind = list.dataset.sort;
      if (kind === "steps") new Sortable(list, { ...options, draggable: "li", onEnd: ({ item }) => move("move-step", { step_id: item.dataset.id, before: following(item) }) });
      if (kind === "option-sets") {
        new Sortable(list, {
          ...options,
          group: { name: "sets", put: ["sets", "types"] },
          handle: list.matches(".kb-items") ? ".kb-grip" : undefined,
          onAdd: ({ item, to }) => { if (item.dataset.type) move("add-option-set", { selection_type: item.dataset.type, step_id: to.dataset.step, before: following(item) }); },
          onEnd: ({ item, to, from, oldIndex, newIndex }) => {
            if (to !== from || oldIndex !== newIndex) move("move-option-set", { option_set_id: item.dataset.id, to_step: to.dataset.step, before: following(item) });
          },
        });
      }
      if (kind === "options") new Sortable(list, { ...options, handle: ".kb-grip", onEnd: ({ item }) => move("move-option", { option_set_id: list.dataset.set, value: item.dataset.id, before: following(item) }) });
      if (kind === "palette") new Sortable(list, { ...options, sort: false, group: { name: "types", pull: "clone", put: false } });
    }
  }

  sortables();
  filter();
  reveal();
  counts();
  navigator.locks?.request(KEY, () => new Promise(() => {}));
  try {
    adoptOthers(Object.keys(localStorage), sessionStorage.getItem(BASE));
    sessionStorage.setItem(BASE, KEY);
  } catch { /* a forbidden storage keeps nothing */ }
})();
