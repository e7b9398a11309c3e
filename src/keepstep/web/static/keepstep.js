// What pages do beyond links and forms: the token of a session on htmx's requests, the dialog, signing in again without losing
// anything, and menus that close. Nothing here is needed to use a page; htmx calls no code that a page holds as text (docs/pages.md).
(() => {
  "use strict";
  const dialog = document.getElementById("dialog");
  const meta = document.querySelector('meta[name="csrf-token"]');

  document.addEventListener("htmx:config:request", (event) => {
    if (meta) event.detail.ctx.request.headers["X-CSRF-Token"] = meta.content;
  });

  // --- the dialog of the shell -----------------------------------------------------------------------------------
  let opener = null;

  function openDialog() {
    if (dialog.open || !dialog.firstElementChild) return;
    opener = document.activeElement;
    // A dialog that a menu led to goes back to the menu's own button: Escape closes both.
    const menu = opener?.closest("details.ks-menu");
    if (menu) {
      opener = menu.querySelector("summary");
      menu.open = false;
    }
    dialog.showModal();
    // In the history only once somebody can see it.
    if (!isHeld()) history.pushState({ ...history.state, htmx: true, dialog: true }, "");
  }

  function closeDialog() {
    dialog.close();
    dialog.replaceChildren();
  }

  document.addEventListener("htmx:after:swap", (event) => {
    if (!dialog) return;
    const target = event.detail.ctx.target;
    const element = typeof target === "string" ? document.querySelector(target) : target;
    if (element === dialog) openDialog();
  });

  dialog?.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      closeDialog();
    }
  });

  // The second click of a double click was meant for the dialog, and not for what lies behind it.
  let within = false;
  document.addEventListener("click", (event) => {
    const isWithin = event.target.closest("dialog") !== null;
    if (event.detail > 1 && within && !isWithin) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else within = isWithin;
  }, true);

  dialog?.addEventListener("close", () => {
    leave();
    dialog.replaceChildren();
    waiting = [];
    asked = null;
    if (another) return location.reload();
    if (opener?.isConnected) opener.focus();
    opener = null;
  });

  // --- Back closes the dialog -----------------------------------------------------------------------------------------
  // An open dialog is an entry of the history of its own, so that Back closes it and stays on the page. Closed in another way, it takes
  // its entry along; until that is done nobody else may write into the history (`window.ksHistory`).
  const isHeld = () => history.state?.dialog === true;
  let leaving = null;
  window.ksHistory = Promise.resolve();

  function leave() {
    if (!isHeld() || leaving) return;
    window.ksHistory = new Promise((resolve) => { leaving = resolve; });
    setTimeout(left, 1000);
    history.back();
  }
  function left() {
    leaving?.();
    leaving = null;
  }

  // These are about the dialog alone: the page stays as it is, for its own script and for htmx, which would load it anew.
  let stays = false;
  function stay(event) {
    event.stopImmediatePropagation();
    stays = true;
    setTimeout(() => { stays = false; }, 100);
  }
  addEventListener("popstate", (event) => {
    if (leaving) {
      stay(event);
      left();
    } else if (dialog?.open && !isHeld()) {
      stay(event);
      closeDialog();
    } else if (isHeld() && !dialog?.open) stay(event); // Forward, to where a dialog was
  });
  document.addEventListener("htmx:before:history:restore", (event) => { if (stays) event.preventDefault(); });
  // Where htmx takes a traversal over, the browser moves the focus to the top afterwards.
  window.navigation?.addEventListener("navigate", (event) => {
    if (event.navigationType === "traverse" && (leaving || dialog?.open)) event.stopImmediatePropagation();
  });
  // A page that is loaded where a dialog was open: one entry too many.
  addEventListener("pageshow", () => { if (isHeld() && !dialog?.open) leave(); });

  // A page that sends by itself puts the block of a dialog here: {html}.
  document.addEventListener("ks:dialog", (event) => {
    dialog.innerHTML = event.detail.html;
    window.htmx?.process(dialog);
    openDialog();
  });

  // A text area that somebody pulled larger holds its size as an inline style. htmx would write that onto its successor as text, which
  // the policy of pages forbids; set as a property it is allowed.
  let pulled = [];

  document.addEventListener("htmx:before:swap", () => {
    const areas = [...document.querySelectorAll("textarea[id][style]")];
    pulled = areas.map((area) => [area.id, area.style.height]);
    for (const area of areas) area.removeAttribute("style");
  });

  document.addEventListener("htmx:after:settle", () => {
    for (const [id, height] of pulled) {
      const area = document.getElementById(id);
      if (area) area.style.height = height;
    }
    pulled = [];
  });

  // --- parts that are fetched again and again ------------------------------------------------------------------------
  // When what they tell is over they lead to the page anew: not under the hands of somebody who types, for whom a link stands there.
  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail.ctx;
    const part = ctx.sourceElement?.closest("[data-over]");
    if (!part || !ctx.response?.headers?.get("HX-Redirect") || !isTyping()) return;
    event.preventDefault();
    const still = part.cloneNode(true);
    for (const name of ["hx-get", "hx-trigger", "data-over"]) still.removeAttribute(name);
    for (const form of still.querySelectorAll("form")) form.remove();
    still.append(document.getElementById(part.dataset.over).content.cloneNode(true));
    part.replaceWith(still);
  });

  function isTyping() {
    const fields = [...document.querySelectorAll("main input, main select, main textarea")].filter((each) => each.type !== "hidden");
    return dialog?.open || fields.some((each) => isChanged(each) || (each === document.activeElement && each.matches("[type=text], textarea")));
  }

  function isChanged(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(first, 0);
  }

  // --- signing in again --------------------------------------------------------------------------------------------
  // A request that came without a session waits here, with what was typed still in its form, and is sent again afterwards.
  let waiting = [];
  let asked = null;

  document.addEventListener("htmx:after:request", (event) => {
    const ctx = event.detail.ctx;
    if (ctx.response.status !== 401 || !dialog) return;
    event.preventDefault();
    waiting.push(ctx);
    showSignIn(ctx.text);
  });

  function showSignIn(html) {
    const form = new DOMParser().parseFromString(html, "text/html").getElementById("sign-in");
    if (!form) return;
    // What the dialog asked waits as well, and is there again afterwards.
    if (dialog.open && !dialog.querySelector("#sign-in")) asked = [...dialog.childNodes];
    dialog.replaceChildren(form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      signIn(form, event.submitter?.getAttribute("formaction") ?? form.getAttribute("action"));
    });
    openDialog();
    (form.querySelector("[autofocus]") ?? form.querySelector("input:not([type=hidden])"))?.focus();
  }

  async function signIn(form, address) {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "HX-Request": "true", "HX-Request-Type": "partial", Accept: "text/html" },
      body: new URLSearchParams(new FormData(form)),
      credentials: "same-origin",
    });
    if (answer.status !== 204) return showSignIn(await answer.text());
    const user = answer.headers.get("X-User");
    if (user && meta && user !== meta.dataset.user) showAnother(user, answer);
    else goOn(answer);
  }

  // In another's name nothing is sent unless they say so. Closed otherwise, the page becomes theirs.
  let another = false;
  function showAnother(user, answer) {
    another = true;
    document.dispatchEvent(new CustomEvent("ks:another", { detail: { sends: false } }));
    dialog.replaceChildren(document.getElementById("another-person").content.cloneNode(true));
    const name = decodeURIComponent(answer.headers.get("X-User-Name"));
    for (const each of dialog.querySelectorAll("[data-name]")) each.textContent = name;
    dialog.querySelector("textarea").value = waiting.map(typedIn).filter(Boolean).join("\n");
    dialog.querySelector("[autofocus]").focus();
    dialog.querySelector("[data-send]").addEventListener("click", () => {
      another = false;
      meta.dataset.user = user;
      document.dispatchEvent(new CustomEvent("ks:another", { detail: { sends: true } }));
      goOn(answer);
    });
  }
  // What people typed, of the form that a request came from; a page that sends by itself says it (`typed`).
  function typedIn(each) {
    if (typeof each === "function") return each.typed?.() ?? "";
    const inputs = each.sourceElement.closest("form")?.querySelectorAll("textarea, input:not([type=hidden], [type=password], [type=checkbox], [type=radio])");
    return [...(inputs ?? [])].map((input) => input.value).filter(Boolean).join("\n");
  }

  function goOn(answer) {
    const again = waiting;
    waiting = [];
    if (asked) dialog.replaceChildren(...asked);
    else closeDialog();
    asked = null;
    renewToken(answer.headers.get("X-CSRF-Token"));
    for (const ctx of again) sendAgain(ctx);
  }

  function renewToken(token) {
    if (meta) meta.content = token;
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
  }

  // A page that sends by itself does the same: {html} is what the server answered, {then} is called after signing in.
  document.addEventListener("ks:sign-in", (event) => {
    waiting.push(event.detail.then);
    showSignIn(event.detail.html);
  });

  function sendAgain(ctx) {
    if (typeof ctx === "function") return ctx();
    const { sourceElement: source, sourceEvent: event, target, swap, select, push, replace } = ctx;
    const path = source.getAttribute(`hx-${ctx.request.method.toLowerCase()}`) ?? source.getAttribute("action") ?? ctx.request.action;
    window.htmx.ajax(ctx.request.method, path, { source, event, target, swap, select, push, replace });
  }

  // The tab of this page is in sight where the tabs scroll sideways.
  for (const tabs of document.querySelectorAll(".ks-tabs")) {
    const [around, here] = [tabs, tabs.querySelector("[aria-current]")].map((each) => each?.getBoundingClientRect());
    if (here && (here.left < around.left || here.right > around.right)) tabs.scrollLeft += here.left - around.left - 12;
  }

  // --- a long list of choices is searched -----------------------------------------------------------------------------------
  // By all words in any order. The choice stays if it still fits; else the first that fits is chosen, so that Enter and Add take it.
  for (const input of document.querySelectorAll("input[data-filters]")) {
    const select = document.getElementById(input.dataset.filters);
    const told = document.getElementById(input.getAttribute("aria-describedby"));
    const groups = [...select.children].map((group) => [group, group.matches("optgroup") ? [...group.children] : [group]]);
    const all = groups.reduce((sum, [, options]) => sum + options.length, 0);
    input.form.querySelector("[data-without-script]")?.remove();
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = select.value;
      let found = 0;
      for (const [group, options] of groups) {
        const step = group.label?.toLowerCase() ?? "";
        const fitting = options.filter((option) => words.every((word) => option.text.toLowerCase().includes(word) || step.includes(word)));
        found += fitting.length;
        if (group.matches("optgroup")) group.replaceChildren(...fitting);
        if (fitting.length) select.append(group);
        else group.remove();
      }
      select.value = chosen;
      if (select.selectedIndex < 0) select.selectedIndex = 0;
      told.textContent = found ? told.dataset.some.replace("{found}", found).replace("{all}", all) : told.dataset.none;
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "ArrowDown") return;
      event.preventDefault();
      select.focus();
    });
  }

  // --- menus ---------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.ks-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.ks-menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A second click while a form is on its way sends nothing; the button stays readable for screen readers.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "get" || form.matches("[hx-post],[hx-put],[hx-patch],[hx-delete]")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
  });
  // Back shows the page as it was left, which must be able to send again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // Says something to those who do not see the page change: `document.dispatchEvent(new CustomEvent("ks:say", {detail: {text}}))`,
  // or the answer's header HX-Trigger: {"ks:say": {"text": "…"}}.
  document.addEventListener("ks:say", (event) => {
    const live = document.getElementById("live");
    if (live) live.textContent = event.detail.text;
  });
})();
