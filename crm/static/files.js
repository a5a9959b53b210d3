/* A screenshot pasted anywhere on the page of a case is added to its files. */
(() => {
  "use strict";
  document.addEventListener("paste", (event) => {
    const form = document.querySelector("form[data-paste-files]");
    const pasted = [...(event.clipboardData ? event.clipboardData.files : [])];
    if (!form || !pasted.length) return;
    event.preventDefault();
    const all = new DataTransfer();
    for (const file of pasted) all.items.add(file);
    form.querySelector("input[type=file]").files = all.files;
    form.requestSubmit();
  });
})();
