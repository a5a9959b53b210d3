/* The complaint desk: chips chosen by digits, deadlines that count down. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typing = (element) => element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio]), textarea, select");

  // A phone system opens the page with the caller's number: it does not stay in the address.
  if ($("[data-clean-address]")) history.replaceState(null, "", location.pathname);

  // Deadlines. The server says the moment; what is left is counted here.
  function inWords(minutes) {
    const days = Math.floor(minutes / 1440);
    const hours = Math.floor(minutes / 60);
    const words = document.body.dataset;
    if (days >= 2) return (words.days || "{n} d").replace("{n}", days);
    if (hours >= 1) return (words.hours || "{h}:{m} h").replace("{h}", hours).replace("{m}", String(minutes % 60).padStart(2, "0"));
    return (words.minutes || "{n} min").replace("{n}", minutes);
  }
  function count() {
    for (const item of $$("[data-due]")) {
      const left = Math.floor((Date.parse(item.dataset.due) - Date.now()) / 60000);
      item.dataset.tone = left < 0 ? "red" : left <= 15 ? "amber" : "grey";
      item.textContent = (left < 0 ? item.dataset.over : item.dataset.left).replace("{t}", inWords(Math.abs(left)));
    }
  }
  count();
  setInterval(count, 20000);
  document.addEventListener("htmx:afterSettle", count);

  // Two levels of categories: the digits choose first the one, then the other.
  const form = $("form[data-quick-log]");
  if (form) {
    const text = $("textarea[name=description]", form);
    const tops = $$("input[name=group]", form);
    const subs = $$("[data-group]", form);
    const shown = () => subs.find((sub) => !sub.hidden);
    function arrange(move) {
      const top = tops.find((one) => one.checked);
      for (const sub of subs) sub.hidden = !top || sub.dataset.group !== top.value;
      const sub = shown();
      for (const other of $$("[data-group] input", form)) if (!sub || !sub.contains(other)) other.checked = false;
      const choices = sub ? $$("input", sub) : [];
      if (choices.length === 1) choices[0].checked = true;
      if (move && choices.some((one) => one.checked)) text.focus();
    }
    arrange(false);
    form.addEventListener("change", (event) => {
      if (event.target.name === "group") arrange(true);
      if (event.target.name === "category") text.focus();
      if (event.target.name === "into") into();
    });
    function into() {
      const choice = $("input[name=into]:checked", form);
      const adding = Boolean(choice && choice.value);
      for (const part of $$("[data-new-only]", form)) part.hidden = adding;
      for (const part of $$("[data-add-only]", form)) part.hidden = !adding;
      if (choice) $("[data-submit-words]", form).textContent = choice.dataset.words;
    }
    into();
    const adding = () => { const choice = $("input[name=into]:checked", form); return Boolean(choice && choice.value); };
    const cycle = (name) => {
      const options = $$(`input[name=${name}]`, form);
      if (options.length) {
        const at = options.findLastIndex((one) => one.checked) + 1;
        const ticks = options[0].type === "checkbox";
        if (ticks) for (const one of options) one.checked = false;
        const next = options[at % options.length];
        // Of ticks none is an answer too, after the last.
        next.checked = !ticks || at < options.length;
        next.dispatchEvent(new Event("change", { bubbles: true }));
      }
    };
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target === text) { text.blur(); form.focus(); return; }
      if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
      if (/^[0-9]$/.test(event.key) && !adding()) {
        const sub = shown();
        const level = sub && !$("input:checked", sub) ? $$("input", sub) : tops;
        const choice = level[(Number(event.key) + 9) % 10];
        if (!choice) return;
        event.preventDefault();
        choice.checked = true;
        if (level === tops) for (const other of $$("[data-group] input", form)) other.checked = false;
        choice.dispatchEvent(new Event("change", { bubbles: true }));
        return;
      }
      const name = { p: "promise", o: "orders", u: "severity", a: "into" }[event.key];
      if (name) { event.preventDefault(); event.stopImmediatePropagation(); cycle(name); }
      if (event.key === "t") { event.preventDefault(); text.focus(); }
    }, true);
    if (adding()) text.focus({ preventScroll: true }); else form.focus({ preventScroll: true });
  }

  // Ready-made words go where the cursor is.
  document.addEventListener("change", (event) => {
    const words = event.target.closest("[data-insert-into]");
    if (!words || !words.value) return;
    const target = document.getElementById(words.dataset.insertInto);
    target.setRangeText(words.value, target.selectionStart, target.selectionEnd, "end");
    words.selectedIndex = 0;
    target.focus();
    target.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
