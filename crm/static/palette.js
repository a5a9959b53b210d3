/* The palette under the search field: what is found while somebody types, chosen by the arrow keys. */
(() => {
  "use strict";
  const field = document.querySelector("[data-palette]");
  const list = document.getElementById("palette");
  if (!field || !list || !field.dataset.palette) return;
  let timer = 0;
  let before = null;
  let asked = 0;
  const entries = () => [...list.querySelectorAll("[role=option]")];
  const chosen = () => list.querySelector("[aria-selected=true]");

  function show(open) {
    list.hidden = !open;
    field.setAttribute("aria-expanded", String(open));
    if (!open) field.removeAttribute("aria-activedescendant");
  }
  function choose(entry) {
    for (const other of entries()) other.removeAttribute("aria-selected");
    if (!entry) return field.removeAttribute("aria-activedescendant");
    entry.setAttribute("aria-selected", "true");
    entry.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", entry.id);
  }
  // The newest question is the one that is answered: an older one that comes late says nothing.
  async function ask() {
    const number = (asked += 1);
    const token = (document.cookie.match(/(?:^|; )(?:__Host-)?csrftoken=([^;]+)/) || [])[1] || field.form.elements.csrfmiddlewaretoken.value;
    try {
      const answer = await fetch(field.dataset.palette, {
        method: "POST",
        headers: { "HX-Request": "true", "X-CSRFToken": token },
        body: new URLSearchParams({ q: field.value }),
      });
      const html = answer.ok ? await answer.text() : "";
      if (number !== asked || document.activeElement !== field) return;
      list.innerHTML = html;
      entries().forEach((entry, place) => { entry.id = `palette-${place}`; });
      show(Boolean(html));
    } catch { show(false); }
  }
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  }
  field.addEventListener("input", (event) => { if (!event.isComposing) soon(); });
  field.addEventListener("compositionend", soon);
  field.addEventListener("focus", soon);
  field.addEventListener("blur", () => setTimeout(() => { if (!list.contains(document.activeElement)) show(false); }, 150));
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const all = entries();
    const place = all.indexOf(chosen());
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length && !list.hidden) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(all[(place + step + (place < 0 && step < 0 ? 1 : 0) + all.length) % all.length]);
    } else if (event.key === "Enter" && place >= 0 && !list.hidden) {
      event.preventDefault();
      location.assign(all[place].href);
    } else if (event.key === "Escape") {
      clearTimeout(timer);
      asked += 1;
      show(false);
      field.blur();
      if (before && before.isConnected) before.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette-close]")) return;
    asked += 1;
    show(false);
    field.blur();
  });
  // Kept before the field takes the focus: Escape gives it back.
  document.addEventListener("focusin", (event) => { if (event.target !== field && !list.contains(event.target)) before = event.target; });
  document.addEventListener("mousedown", (event) => { if (list.contains(event.target)) event.preventDefault(); });
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
})();
