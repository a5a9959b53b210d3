/* Behaviour shared by all pages: keys, dialogs, drawer, toasts, menus, small forms. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Toasts: at most three, five seconds, ten when they can be undone.
  const toasts = $("#toasts");
  function settle(item, seconds) {
    let timer;
    const start = () => { timer = setTimeout(() => item.remove(), seconds * 1000); };
    const stop = () => clearTimeout(timer);
    const dismiss = document.createElement("button");
    dismiss.type = "button";
    dismiss.dataset.dismiss = "";
    dismiss.textContent = "×";
    dismiss.setAttribute("aria-label", toasts.dataset.close);
    dismiss.addEventListener("click", () => item.remove());
    item.append(dismiss);
    for (const event of ["mouseenter", "focusin"]) item.addEventListener(event, stop);
    for (const event of ["mouseleave", "focusout"]) item.addEventListener(event, start);
    start();
  }
  function toast({ text, tone = "success", undo = null }) {
    if (!toasts || !text) return;
    const item = document.createElement("div");
    item.className = "lk-toast";
    item.dataset.tone = tone;
    const words = document.createElement("span");
    words.textContent = text;
    item.append(words);
    if (undo && undo.url) {
      // Only the last thing can be taken back by key: older ones are in the list of what was done.
      for (const older of $$(".lk-toast", toasts)) if ($("[data-key=u]", older)) older.remove();
      const button = document.createElement("button");
      const key = document.createElement("kbd");
      button.type = "button";
      button.dataset.key = key.textContent = "u";
      button.append(undo.label || toasts.dataset.undo, " ", key);
      button.addEventListener("click", () => {
        item.remove();
        htmx.ajax("POST", undo.url, { source: document.body, target: undo.target || "body", swap: undo.swap || "none" });
      });
      item.append(button);
    }
    toasts.append(item);
    if ($("dialog[open]") && toasts.showPopover) {
      // Above the dialog that is open: without it the words lie behind its backdrop.
      toasts.popover = "manual";
      toasts.hidePopover();
      toasts.showPopover();
    }
    while (toasts.children.length > 3) toasts.firstElementChild.remove();
    settle(item, undo ? 10 : 5);
  }
  if (toasts) for (const item of $$(".lk-toast", toasts)) settle(item, item.dataset.tone === "error" ? 15 : $("form", item) ? 10 : 6);
  document.addEventListener("toast", (event) => {
    const detail = event.detail || {};
    toast(typeof detail.value === "string" ? { text: detail.value } : detail);
  });

  // htmx: rejected forms (422) are swapped in like any answer; a thin bar while something loads.
  const typed = () => $$("textarea, input").some((field) => field.offsetParent !== null && !field.closest("[role=search]") && field.value !== field.defaultValue);
  // Signed out while somebody writes: the words stay in the form, and are in it again after the sign-in.
  function signIn() {
    if (!toasts || $("[data-sign-in]", toasts)) return;
    const item = document.createElement("div");
    const words = document.createElement("span");
    const link = document.createElement("a");
    item.className = "lk-toast";
    item.dataset.tone = "error";
    item.dataset.signIn = "";
    words.textContent = toasts.dataset.signedOut;
    link.href = `/accounts/login/?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = toasts.dataset.signIn;
    item.append(words, link);
    toasts.append(item);
    settle(item, 24 * 3600);
  }
  let pending = 0;
  const bar = $("#progress");
  document.addEventListener("htmx:beforeRequest", () => { pending += 1; bar && bar.classList.add("is-on"); });
  document.addEventListener("htmx:afterRequest", () => { pending = Math.max(0, pending - 1); if (!pending && bar) bar.classList.remove("is-on"); });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 422) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if ((status === 401 || status === 403) && !typed()) return location.reload();
    if (status === 401) return signIn();
    toast({ text: toasts && toasts.dataset[status === 403 ? "expired" : "failed"], tone: "error" });
  });
  // Lines that another choice draws anew: what was typed since it was made stays, in the field of the same name.
  const opened = new WeakMap();
  const stays = (target) => $$("input[id]:not([type=hidden]), select[id]:not([multiple]), textarea[id]", target);
  const said = (field) => (field.type === "checkbox" ? field.checked : field.value);
  document.addEventListener("htmx:beforeRequest", ({ detail: { xhr, target, elt } }) => {
    if (!target.matches("[data-keeps]") || !elt.matches("select, [value^='condition '], [value^='group ']")) return;
    // With another field its values begin anew.
    const line = elt.id && elt.id.endsWith(":field") ? elt.id.slice(0, -"field".length) : "-";
    opened.set(xhr, new Map(stays(target).filter((field) => !field.id.startsWith(line)).map((field) => [field.id, said(field)])));
  });
  document.addEventListener("htmx:beforeSwap", ({ detail: { xhr, target } }) => {
    const before = opened.get(xhr);
    if (!before) return;
    const late = stays(target).filter((field) => before.has(field.id) && before.get(field.id) !== said(field));
    opened.set(xhr, new Map(late.map((field) => [field.id, said(field)])));
  });
  document.addEventListener("htmx:afterSwap", ({ detail: { xhr } }) => {
    for (const [id, value] of opened.get(xhr) || []) {
      const field = document.getElementById(id);
      if (!field) continue;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      if (field.matches("select")) field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    opened.delete(xhr);
  });
  document.addEventListener("htmx:sendError", () => toast({ text: toasts && toasts.dataset.offline, tone: "error" }));

  // Dialogs and the drawer.
  const drawer = $("#drawer");
  // Whoever opens a dialog to say something begins to type: not at the ✕ that closes it.
  const ASKS = "input:not([type=hidden], [type=file]), select, textarea";
  const open = (dialog) => {
    if (!dialog || dialog.open) return;
    dialog.showModal();
    const fields = $$(`.lk-dialog-body :is(${ASKS})`, dialog).filter((field) => !field.disabled && field.offsetParent);
    const first = fields.find((field) => field.closest(".has-error")) || fields.find((field) => field.autofocus || field.checked) || fields[0];
    if (first) first.focus();
  };
  // A dialog named in the address, or one whose form was refused, is open from the start.
  const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  open($("dialog[data-open]") || (named && named.matches("dialog") && named));
  // Not before it is settled: a form would still be an ordinary one.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (drawer && event.detail.target.id === "drawer-body" && event.detail.target.childElementCount) open(drawer);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const target = event.detail.target;
    const wrong = target && $(".has-error input, .has-error select, .has-error textarea", target);
    if (wrong) wrong.focus();
  });
  document.addEventListener("closeDrawer", () => drawer && drawer.close());
  document.addEventListener("closeDialog", () => $$("dialog[open]").forEach((dialog) => dialog.close()));
  if (drawer) drawer.addEventListener("close", () => { $("#drawer-body").replaceChildren(); });

  // Two changed one field: what the other wrote takes the place of one's own words.
  function take(button) {
    const form = button.dataset.takeForm ? document.getElementById(button.dataset.takeForm) : button.closest("form");
    const values = button.dataset.takeForm ? [button.dataset.take] : JSON.parse(button.dataset.take);
    const fields = [...form.elements].filter((field) => field.name === button.dataset.takeInto && field.type !== "hidden");
    fields.forEach((field, place) => {
      if (field.type === "checkbox") field.checked = fields.length > 1 ? values.includes(field.value) : values[0] === "True";
      else if (field.type === "radio") field.checked = values.includes(field.value);
      else if (field.matches("select")) for (const option of field.options) option.selected = values.includes(option.value);
      else field.value = values[place] || "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    if (fields.length) fields[0].focus();
  }
  document.addEventListener("click", (event) => {
    const at = event.target;
    const opener = at.closest("[data-dialog]");
    if (opener) { event.preventDefault(); return open(document.getElementById(opener.dataset.dialog)); }
    const closer = at.closest("[data-close]");
    if (closer) { const dialog = closer.closest("dialog"); return dialog && dialog.close(); }
    if (at.nodeName === "DIALOG" && at.open) {
      const box = at.getBoundingClientRect();
      const outside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
      if (outside) at.close();
      return;
    }
    const toggle = at.closest(".lk-menu-toggle");
    if (toggle) {
      const shown = document.getElementById(toggle.getAttribute("aria-controls")).classList.toggle("is-open");
      toggle.setAttribute("aria-expanded", String(shown));
      return;
    }
    const account = at.closest("[data-login]");
    if (account) {
      $("#id_login").value = account.dataset.login;
      $("#id_password").value = account.dataset.password;
      $("#id_login").form.requestSubmit();
      return;
    }
    for (const menu of $$("details.lk-user[open]")) if (!menu.contains(at)) menu.open = false;
    const taker = at.closest("[data-take]");
    if (taker) return take(taker);
    if (at.closest("[data-print]")) return window.print();
    if (at.closest("a, button, input, select, textarea, label, summary, dialog")) return;
    const row = at.closest("[data-rows] > [data-href]");
    if (row && !String(getSelection())) location.assign(row.dataset.href);
  });

  // Whoever signed in again in another tab has a new token: a form that was open before goes with that one.
  const token = () => (document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/) || [])[1];
  document.addEventListener("submit", (event) => {
    const field = event.target.elements.csrfmiddlewaretoken;
    if (field && token()) field.value = token();
  }, true);
  document.addEventListener("htmx:configRequest", (event) => {
    if (!token()) return;
    event.detail.headers["x-csrftoken"] = token();
    if (event.detail.parameters.csrfmiddlewaretoken) event.detail.parameters.csrfmiddlewaretoken = token();
  });

  // Filter forms that send themselves.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-keys-switch]")) {
      store("laoke-keys", event.target.checked ? "" : "off");
      return;
    }
    const form = event.target.closest("form[data-autosubmit]");
    if (form) form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    // Empty filters stay out of the address.
    if (event.target.matches("form[data-autosubmit]") && event.target.method === "get") {
      for (const field of event.target.elements) if (field.name && field.value === "") { field.disabled = true; setTimeout(() => { field.disabled = false; }); }
    }
  });

  // Keys: never while typing, nor in the middle of an input method's composition.
  function store(name, value) { try { localStorage.setItem(name, value); } catch { /* private mode */ } }
  function stored(name) { try { return localStorage.getItem(name); } catch { return null; } }
  const keysSwitch = $("[data-keys-switch]");
  if (keysSwitch) keysSwitch.checked = stored("laoke-keys") !== "off";

  const typing = (element) => element.isContentEditable || (element.matches("input, textarea, select") && !element.matches("[type=checkbox], [type=radio], [type=button], [type=submit]"));
  const rows = () => $$("[data-rows]").flatMap((list) => [...list.children]).filter((row) => row.offsetParent !== null && (row.dataset.href || row.id));
  const current = () => $("[data-rows] > .is-current");
  let place = -1;
  function select(index) {
    const all = rows();
    if (!all.length) return;
    place = Math.max(0, Math.min(index, all.length - 1));
    const before = current();
    if (before) before.classList.remove("is-current");
    const row = all[place];
    row.classList.add("is-current");
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-rows] > *");
    if (!row || row === current()) return;
    const before = current();
    if (before) before.classList.remove("is-current");
    row.classList.add("is-current");
    place = rows().indexOf(row);
  });
  // The row just worked off is gone: stand on the one that took its place.
  document.addEventListener("htmx:afterSettle", () => {
    if (place >= 0 && !current() && !$("dialog[open]") && rows().length) select(place);
  });

  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const at = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = at.closest && at.closest("form");
      if (form) { event.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (event.key === "Escape") {
      for (const menu of $$("details.lk-user[open]")) menu.open = false;
      if (at.matches && at.matches("[data-search]")) at.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !at.matches || typing(at)) return;
    if (stored("laoke-keys") === "off" && event.key !== "Enter") return;
    const dialog = $("dialog[open]");
    const key = event.key;
    if (dialog) return;
    if (key === "/") { const field = $("[data-search]"); if (field) { event.preventDefault(); field.focus(); field.select(); } return; }
    if (key === "?") { event.preventDefault(); open($("#shortcuts")); return; }
    if (going && Date.now() - going < 1500) {
      going = 0;
      const link = $(`[data-go="${CSS.escape(key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (key === "g") { going = Date.now(); return; }
    const row = current();
    if (key === "j" || key === "k") {
      if (!rows().length) return;
      event.preventDefault();
      select(row ? rows().indexOf(row) + (key === "j" ? 1 : -1) : 0);
      return;
    }
    if (key === "Enter") {
      if (row && at === row) {
        const link = row.dataset.href || (row.querySelector("a[href]") || {}).href;
        if (link) location.assign(link);
      }
      return;
    }
    if (key.length !== 1) return;
    const name = CSS.escape(key);
    const button = (row && row.querySelector(`[data-key="${name}"]`)) || $$(`[data-key="${name}"]`).find((one) => !one.closest("[data-rows]"));
    if (button) { event.preventDefault(); button.click(); }
  });

  // The inputs of a condition are those that its comparison takes.
  const fit = (condition) => {
    const op = $("[name=c-op]", condition);
    for (const input of $$("[data-for-op]", condition)) {
      const wanted = !op || input.dataset.forOp.split(" ").includes(op.value);
      const field = input.closest(".lk-field");
      if (field) field.hidden = !wanted;
      input.disabled = !wanted;
    }
  };
  const fitAll = () => $$("[data-condition]").forEach(fit);
  document.addEventListener("change", (event) => {
    if (event.target.name === "c-op") fit(event.target.closest("[data-condition]"));
  });
  document.addEventListener("htmx:afterSwap", fitAll);
  fitAll();
  // One pop-up at a time; on a small screen the filters are a sheet that is opened.
  document.addEventListener("toggle", (event) => {
    const pop = event.target;
    if (!pop.matches || !pop.matches("details.lk-pop") || !pop.open) return;
    for (const other of $$("details.lk-pop[open]")) if (other !== pop) other.open = false;
    const first = $("select, input:not([type=hidden])", pop);
    if (first) first.focus();
  }, true);
  document.addEventListener("click", (event) => {
    for (const pop of $$("details.lk-pop[open]")) if (!pop.contains(event.target)) pop.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const pop of $$("details.lk-pop[open]")) { pop.open = false; $("summary", pop).focus(); }
  });
  const sheet = $("[data-sheet]");
  if (sheet && matchMedia("(max-width: 640px)").matches && !$("[data-add][open]", sheet)) sheet.open = false;

  // Entries of a list that is ordered by hand, one place up or down; the button that was pressed keeps the focus.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ordered] [data-move]");
    if (!button) return;
    const entry = button.closest("li"), up = button.dataset.move === "up";
    const other = up ? entry.previousElementSibling : entry.nextElementSibling;
    if (!other) return;
    if (up) other.before(entry); else other.after(entry);
    const stays = getComputedStyle(button).visibility !== "hidden";
    (stays ? button : $(`[data-move=${up ? "down" : "up"}]`, entry)).focus();
  });

  // A page that was asked for on paper.
  if ($("[data-print]")) addEventListener("load", () => window.print());
})();
