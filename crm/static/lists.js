/* Rows of a list are chosen: by a press, by keys, or all that the list has; the bar says how many and what can be done. */
(() => {
  "use strict";
  const bar = document.getElementById("bulk-bar");
  if (!bar) return;
  const all = document.getElementById("bulk-all");
  const everything = bar.querySelector("[data-choose-all]");
  const head = document.querySelector("[data-tick-page]");
  const ticks = () => [...document.querySelectorAll(".lk-tick")];
  let last = null;

  // What stands in the place of the number of the list, counted to the last one a moment after the page.
  function inAll() {
    const told = document.querySelector(".lk-header-text b");
    const shown = bar.querySelector("[data-all-count]");
    if (shown.textContent === "…" && told) shown.textContent = told.textContent;
    return shown.textContent;
  }
  function show() {
    const boxes = ticks();
    const count = boxes.filter((box) => box.checked).length;
    const words = count === 1 ? bar.dataset.one : bar.dataset.many.replace("{n}", all.checked ? inAll() : String(count));
    bar.hidden = !count && !all.checked;
    bar.querySelector("[data-chosen]").textContent = words;
    document.body.classList.toggle("has-bulk-bar", !bar.hidden);
    everything.setAttribute("aria-pressed", String(all.checked));
    for (const box of boxes) box.closest("tr").classList.toggle("is-ticked", box.checked);
    if (head) {
      head.checked = count > 0 && count === boxes.length;
      head.indeterminate = count > 0 && count < boxes.length;
    }
    inAll();
  }
  function set(box, checked) {
    box.checked = checked;
    all.checked = false;
  }
  function tick(box, upTo) {
    const boxes = ticks();
    const checked = upTo ? true : !box.checked;
    const from = upTo && last ? boxes.indexOf(last) : -1;
    const to = boxes.indexOf(box);
    if (from < 0) set(box, checked);
    else for (let place = Math.min(from, to); place <= Math.max(from, to); place += 1) set(boxes[place], true);
    last = box;
    show();
  }
  function page() {
    const wanted = !ticks().every((box) => box.checked);
    for (const box of ticks()) set(box, wanted);
    show();
  }
  function none() {
    for (const box of ticks()) set(box, false);
    show();
  }
  document.addEventListener("click", (event) => {
    const box = event.target.closest(".lk-tick");
    if (box) {
      if (event.shiftKey && last) {
        const boxes = ticks();
        const from = boxes.indexOf(last);
        const to = boxes.indexOf(box);
        for (let place = Math.min(from, to); place <= Math.max(from, to); place += 1) set(boxes[place], box.checked);
      }
      all.checked = false;
      last = box;
      return show();
    }
    if (event.target.closest("[data-tick-page]")) return page();
    if (event.target.closest("[data-choose-none]")) return none();
    if (event.target.closest("[data-choose-all]")) {
      const wanted = !all.checked;
      for (const one of ticks()) one.checked = wanted || one.checked;
      all.checked = wanted;
      return show();
    }
    if (event.target.closest("[data-tick-mode]")) {
      const on = document.body.classList.toggle("is-choosing");
      event.target.closest("[data-tick-mode]").setAttribute("aria-pressed", String(on));
      if (!on) none();
    }
  });

  // x this row, Shift+x up to here, * this page, b into the bar, e away as a file. Where the keys are off, none of them.
  const off = () => { try { return localStorage.getItem("laoke-keys") === "off"; } catch { return false; } };
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.isComposing || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || off()) return;
    if (document.querySelector("dialog[open]")) return;
    if (at.isContentEditable || (at.matches && at.matches("input:not([type=checkbox]), textarea, select"))) return;
    if (event.key === "Escape" && !bar.hidden) {
      none();
      return;
    }
    if (event.key === "x" || event.key === "X") {
      const row = document.querySelector("[data-rows] > .is-current");
      const box = row && row.querySelector(".lk-tick");
      if (!box) return;
      event.preventDefault();
      tick(box, event.key === "X");
    } else if (event.key === "*") {
      event.preventDefault();
      page();
    } else if (event.key === "b" && !bar.hidden) {
      event.preventDefault();
      bar.querySelector(".lk-bulk-actions button").focus();
    } else if (event.key === "e" && ticks().length) {
      const button = bar.querySelector("[data-bulk-key=e]");
      if (!button) return;
      event.preventDefault();
      // Where nothing is chosen the whole list is meant.
      if (bar.hidden) everything.click();
      button.click();
    }
  });
  show();
})();
