/* The week is dragged or worked by keys; a visit logged without a net is kept on the phone and sent when there is one. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  // The week ------------------------------------------------------------------------------------------------------------

  const days = () => $$("[data-day]");
  const typing = (element) => element.matches("input, textarea, select") || element.isContentEditable;
  let lifted = null;
  let wanted = "";

  // The answer is the week as it now is: what was refused stands where it was, and the toast says why.
  function put(item, on) {
    const address = item.dataset.move || item.dataset.book;
    if (!address) return;
    wanted = item.id;
    const values = { on };
    if (item.dataset.book) values.client_key = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
    item.classList.add("is-lifted");
    htmx.ajax("POST", address, { source: "#week", target: "#week", swap: "outerHTML", values });
  }
  document.addEventListener("htmx:sendError", () => $$(".is-lifted").forEach((item) => item.classList.remove("is-lifted")));
  document.addEventListener("htmx:afterSettle", () => {
    const item = wanted && document.getElementById(wanted);
    wanted = "";
    if (item) item.focus();
  });

  document.addEventListener("dragstart", (event) => {
    lifted = event.target.closest ? event.target.closest("[data-item][draggable]") : null;
    if (!lifted) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", lifted.id);
    lifted.classList.add("is-lifted");
  });
  const over = (event) => (lifted && event.target.closest ? event.target.closest("[data-day]") : null);
  document.addEventListener("dragover", (event) => {
    const day = over(event);
    for (const other of days()) other.classList.toggle("is-over", other === day);
    if (day) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const day = over(event);
    if (!day) return;
    event.preventDefault();
    if (lifted.closest("[data-day]") !== day) put(lifted, day.dataset.day);
    else lifted.classList.remove("is-lifted");
    lifted = null;
  });
  document.addEventListener("dragend", () => {
    if (lifted) lifted.classList.remove("is-lifted");
    lifted = null;
    for (const day of days()) day.classList.remove("is-over");
  });

  function walk(item, key) {
    const day = item.closest("[data-day]");
    const list = $$("[data-item]", day || item.parentElement);
    if (key === "ArrowUp" || key === "ArrowDown") {
      const next = list[list.indexOf(item) + (key === "ArrowDown" ? 1 : -1)];
      if (next) next.focus();
      return;
    }
    const columns = [$(".lk-tobook"), ...days()].filter((column) => column && (column === day || $("[data-item]", column)));
    const place = columns.indexOf(day || $(".lk-tobook"));
    const column = columns[place + (key === "ArrowRight" ? 1 : -1)];
    if (column) $("[data-item]", column).focus();
  }
  document.addEventListener("keydown", (event) => {
    const week = $("#week");
    if (!week || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    if (!event.target.matches || typing(event.target)) return;
    const item = event.target.closest("[data-item]");
    if (!item) {
      if (event.key.startsWith("Arrow") && event.target === document.body) {
        const first = $("[data-item]", week);
        if (first) { event.preventDefault(); first.focus(); }
      }
      return;
    }
    if (event.key.startsWith("Arrow")) {
      event.preventDefault();
      if (!event.shiftKey) { walk(item, event.key); return; }
      const all = days();
      const at = all.indexOf(item.closest("[data-day]"));
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (item.dataset.move && step && all[at + step]) put(item, all[at + step].dataset.day);
      return;
    }
    if (event.target !== item) return;
    const act = event.key === "Enter" ? $("a[href]", item) : event.key.length === 1 && $(`[data-act="${CSS.escape(event.key)}"]`, item);
    if (act) { event.preventDefault(); act.click(); }
  });

  // A visit without a net -----------------------------------------------------------------------------------------------

  const person = document.body.dataset.person;
  const PREFIX = `laoke-draft:${person}:visit:`; // dropped at sign-out with all other words
  const LIFE = 12 * 3600 * 1000;
  const kept = () => { try { return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; } };
  const token = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["x-csrftoken"] || "";

  async function send(address, pairs) {
    const body = new URLSearchParams(pairs.filter(([name]) => name !== "csrfmiddlewaretoken"));
    return fetch(address, { method: "POST", body, credentials: "same-origin", headers: { "x-csrftoken": token() } });
  }
  let sending = false;
  async function sendKept() {
    if (sending || !navigator.onLine) return;
    sending = true;
    for (const key of kept()) {
      try {
        const visit = JSON.parse(localStorage.getItem(key));
        const answer = await send(visit.address, visit.pairs);
        if (!answer.redirected || answer.url.includes("/accounts/login/")) continue;
        localStorage.removeItem(key);
        const note = $("#kept-visits");
        const text = note ? note.dataset.sent : "";
        document.dispatchEvent(new CustomEvent("toast", { detail: { text } }));
        if ($("[data-visit]") && $("[data-visit] [name=client_key]").value === key.slice(PREFIX.length)) location.assign(answer.url);
      } catch { /* still no net */ }
    }
    sending = false;
  }
  for (const key of kept()) {
    try { if (Date.now() - JSON.parse(localStorage.getItem(key)).at > LIFE) localStorage.removeItem(key); } catch { localStorage.removeItem(key); }
  }

  const form = $("[data-visit]");
  if (form) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const pairs = [...new FormData(form)];
      const button = $(".btn-primary", form);
      button.disabled = true;
      try {
        const answer = await send(form.action, pairs);
        if (answer.redirected) { location.assign(answer.url); return; }
        form.submit(); // the answer of the server says what is wrong, and keeps what was typed
      } catch {
        const visit = { at: Date.now(), address: form.action, pairs };
        try { localStorage.setItem(PREFIX + $("[name=client_key]", form).value, JSON.stringify(visit)); } catch { /* full */ }
        $("#kept-here").hidden = false;
        button.disabled = false;
      }
    });
  }
  window.addEventListener("online", sendKept);
  if (person) sendKept();
})();
