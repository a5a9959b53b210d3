/* While somebody is on the line: the promise follows what is chosen, and a known number is answered by a key. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const form = $("form[data-quick-log]");
  if (!form) return;
  const typing = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select");

  // The server says what can be promised for the category and the severity chosen: what saving will store.
  let asked = 0;
  async function follow() {
    const turn = ++asked;
    const query = new URLSearchParams();
    for (const name of ["customer", "anonymous", "category", "severity", "promise"]) {
      const field = $(`[name=${name}]:checked, [name=${name}]:not([type=radio], [type=checkbox])`, form);
      if (field && field.value && field.value !== "False") query.set(name, field.value);
    }
    try {
      const answer = await fetch(`${form.dataset.promises}?${query}`, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected || turn !== asked) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#promises");
      const chosen = $("#promises input:checked", form);
      if (!fresh) return;
      if (chosen) {
        const same = $(`input[value="${CSS.escape(chosen.value)}"]`, fresh);
        if (same) same.checked = true;
      }
      $("#promises", form).replaceWith(document.importNode(fresh, true));
    } catch { /* no connection: what is saved is what counts, and the next page says it */ }
  }
  form.addEventListener("change", (event) => {
    if (["group", "category", "severity"].includes(event.target.name)) follow();
  });
  if ($("input[name=category]:checked", form)) follow();

  document.addEventListener("keydown", (event) => {
    if (event.key !== "w" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || $("dialog[open]")) return;
    const answers = [...form.querySelectorAll("input[name=who]")];
    if (!answers.length) return;
    event.preventDefault();
    answers[(answers.findIndex((answer) => answer.checked) + 1) % answers.length].checked = true;
  });
})();
