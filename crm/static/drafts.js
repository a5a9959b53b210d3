/* Unsent words: kept in this browser for whoever wrote them, until the server has them or the person signs out.

   A draft holds what somebody changed in one form (its address and the rows it speaks of), and what they saw when they
   changed it; never a key, a password or a code. A form that was sent is asked about by its key: what the server has
   is no draft any more. A form marked data-draft-ask may be about anybody: its drafts are offered, not put in. Those of
   a colleague whose session ended wait for that colleague, half a day at most. The lines of a form marked
   data-draft-drawn are drawn by the server, at that address: its draft is all of it, and drawn before it is put in. */
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const PREFIX = "laoke-draft:";
  const LIFE = 12 * 3600 * 1000;
  const KEYS = ["once", "client_key", "request_key", "key"];
  const UNTYPED = ["hidden", "file", "password", "search", "submit", "button", "reset", "image"];
  const SECRET = "input[type=password], [autocomplete=one-time-code], [autocomplete$=password]";
  const store = { // private mode has none
    all: () => { try { return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; } },
    read: (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
    write: (key, draft) => { try { localStorage.setItem(key, JSON.stringify(draft)); } catch { /* full */ } },
    drop: (key) => { try { localStorage.removeItem(key); } catch { /* none */ } },
  };
  const tab = {
    take: (name) => { try { const value = sessionStorage.getItem(name); sessionStorage.removeItem(name); return value; } catch { return null; } },
    read: (name) => { try { return sessionStorage.getItem(name); } catch { return null; } },
    write: (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* none */ } },
  };

  const person = document.body.dataset.person;
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[action$='/accounts/logout/']")) return;
    for (const key of store.all()) if (!person || key.startsWith(`${PREFIX}${person}:`)) store.drop(key);
    try { sessionStorage.clear(); } catch { /* none */ }
  }, true);
  if (!person) {
    if ($("form[action*='/accounts/login/']")) tab.write("laoke-was-out", "1");
    return;
  }
  const mine = `${PREFIX}${person}:`;
  const wasOut = tab.take("laoke-was-out");
  for (const key of store.all()) {
    const draft = store.read(key);
    if (!draft || Date.now() - draft.at > LIFE) store.drop(key);
    else if (key.startsWith(mine) && draft.sent === "?" && !wasOut) store.drop(key);
  }

  // What a form says ---------------------------------------------------------------------------------------------------

  const plain = (value) => value.replace(/\r\n?/g, "\n");
  const same = (some, others) => JSON.stringify(some) === JSON.stringify(others);
  const ticked = (field) => field.type === "radio" || field.type === "checkbox";
  const isDrawn = (form) => Boolean(form && form.dataset.draftDrawn);
  const isShape = (field) => field.type === "hidden" && field.name.includes(":") && isDrawn(field.form);
  const fieldsOf = (form) => [...form.elements].filter((field) => field.name && field.matches("input, textarea, select") && (!UNTYPED.includes(field.type) || isShape(field)));
  const eligible = (form) => form.method === "post" && !form.matches("[role=search], [data-no-draft]") && !$(SECRET, form)
    && fieldsOf(form).length > 0;
  const formsOf = (root) => [...(root.matches && root.matches("form") ? [root] : []), ...$$("form", root)].filter(eligible);
  function valuesOf(field, first) {
    if (ticked(field)) return (first ? field.defaultChecked : field.checked) ? [field.value] : [];
    if (field.matches("select")) {
      const chosen = [...field.options].filter((option) => (first ? option.defaultSelected : option.selected));
      const usual = !chosen.length && !field.multiple && field.options.length ? [field.options[0]] : chosen;
      return usual.map((option) => option.value);
    }
    return [plain(first ? field.defaultValue : field.value)];
  }
  const opened = new Map();
  function said(form, first = false) {
    if (first && opened.has(form)) return opened.get(form);
    const words = {};
    for (const field of fieldsOf(form)) words[field.name] = [...(words[field.name] || []), ...valuesOf(field, first)];
    return words;
  }
  for (const form of $$("form[data-draft-drawn]")) opened.set(form, said(form, true));
  function changed(form) {
    const [now, first] = [said(form), said(form, true)];
    if (isDrawn(form)) return same(now, first) ? {} : now;
    return Object.fromEntries(Object.entries(now).filter(([name, values]) => !same(values, first[name])));
  }
  const agrees = (words, draft) => Object.entries(draft.words).every(([name, values]) => !(name in words) || same(words[name], values));
  const keyOf = (form) => {
    const key = KEYS.map((name) => form.elements[name] && form.elements[name].value).find(Boolean) || "";
    return key.replaceAll("-", "");
  };
  const isSeen = (name) => name === "version" || name.startsWith("initial-");
  function nameOf(form) {
    const rows = [...form.elements].filter((field) => field.type === "hidden" && field.name && !isSeen(field.name) && !isShape(field)
      && ![...KEYS, "csrfmiddlewaretoken", "next", "said_at"].includes(field.name)).map((field) => `${field.name}=${field.value}`);
    const address = form.getAttribute("action") || location.pathname + location.search;
    if (form.matches("[data-draft-ask]") && !form.dataset.call) form.dataset.call = Date.now() + "-" + Math.random().toString(36).slice(2);
    return `${mine}${new URL(address, location.href).pathname}#${rows.join("&")}${form.dataset.call ? `@${form.dataset.call}` : ""}`;
  }

  // Kept while it is written -------------------------------------------------------------------------------------------

  let filling = false;
  function keep(form, sent = "") {
    const typed = changed(form);
    if (!Object.keys(typed).length) return store.drop(nameOf(form));
    const words = form.matches("[data-draft-ask]") ? said(form) : typed; // whose they are is among them
    const seen = {};
    for (const field of form.elements) {
      const about = field.name && field.name.replace(/^initial-/, "");
      if (field.name === "version" || (field.name !== about && about in words)) seen[field.name] = [...(seen[field.name] || []), field.value];
    }
    store.write(nameOf(form), { at: Date.now(), words, seen, sent, ask: form.matches("[data-draft-ask]") });
  }
  for (const kind of ["input", "change"]) {
    document.addEventListener(kind, (event) => {
      const form = event.target.form;
      if (form && !filling && eligible(form)) keep(form);
    });
  }
  // What was stored under which key, in this tab: sent once more, the same words are no draft, and others are not stored.
  const known = (name) => JSON.parse(tab.read(name) || "{}");
  const print = (form) => JSON.stringify([nameOf(form), said(form)]);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    // The second press of a double click is none.
    if (Date.now() - (Number(form.dataset.sentAt) || 0) < 2000) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    form.dataset.sentAt = Date.now();
    if (!eligible(form)) return;
    const [key, words] = [keyOf(form), print(form)];
    const before = known("laoke-stored")[key];
    if (before === undefined) keep(form, key || "?");
    else if (before === words) store.drop(nameOf(form));
    else keep(form);
    if (key && before === undefined) tab.write("laoke-sending", JSON.stringify({ ...known("laoke-sending"), [key]: words }));
  }, true);
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches("form")) return;
    delete form.dataset.sentAt;
    if (event.detail.successful && eligible(form)) store.drop(nameOf(form));
  });

  // Put back -----------------------------------------------------------------------------------------------------------

  const clock = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const note = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
  function set(form, name, values) {
    const rest = [...values];
    const fields = [...form.elements].filter((field) => field.name === name);
    for (const field of fields) {
      if (ticked(field)) field.checked = values.includes(field.value);
      else if (field.matches("select")) for (const option of field.options) option.selected = values.includes(option.value);
      else if (rest.length) field.value = rest.shift();
    }
    return fields.filter((field) => !ticked(field) || field.checked);
  }
  function fill(form, draft) {
    const before = Object.fromEntries(Object.keys(draft.seen).map((name) => [name, [...form.elements].filter((field) => field.name === name).map((field) => field.value)]));
    filling = true;
    const touched = Object.entries(draft.words).flatMap(([name, values]) => set(form, name, values));
    for (const [name, values] of Object.entries(draft.seen)) set(form, name, values);
    for (const field of touched) field.dispatchEvent(new Event("change", { bubbles: true }));
    filling = false;
    return before;
  }
  async function draw(form, draft) {
    filling = true;
    const values = { ...draft.words, code: form.elements.code.value };
    await window.htmx.ajax("POST", form.dataset.draftDrawn, { values, source: document.body, target: form.dataset.draftInto, swap: "outerHTML" });
    for (const [name, told] of Object.entries(draft.words)) if (!name.includes(":")) set(form, name, told);
    filling = false;
  }
  function empty(form, names) {
    filling = true;
    const first = said(form, true);
    for (const name of names) for (const field of set(form, name, first[name] || [])) field.dispatchEvent(new Event("change", { bubbles: true }));
    filling = false;
  }
  function restore(form, draft) {
    const before = isDrawn(form) ? {} : fill(form, draft);
    if (isDrawn(form)) draw(form, draft);
    for (const old of $$(".lk-draft", form)) old.remove();
    const told = note("draft-restored");
    $("[data-time]", told).textContent = clock(draft.at);
    $("button", told).addEventListener("click", () => {
      store.drop(nameOf(form));
      if (isDrawn(form)) return location.reload();
      empty(form, Object.keys(draft.words));
      for (const [name, values] of Object.entries(before)) set(form, name, values);
      told.remove();
    });
    form.prepend(told);
    if (!draft.sent) return;
    const dialog = form.closest("dialog");
    if (dialog && !dialog.open) dialog.showModal();
    for (let more = form.closest("details"); more; more = more.parentElement.closest("details")) more.open = true;
  }
  function put(key, forms) {
    const draft = store.read(key);
    const places = forms.filter((form) => nameOf(form) === key);
    if (!draft || draft.ask || !places.length) return;
    const kept = places.map((form) => form.dataset.draftKept).find(Boolean);
    if (kept && Date.parse(kept) > draft.at) return store.drop(key);
    // It came back from the server with these words: they stand there, and are not stored.
    if (places.some((form) => agrees(said(form, true), draft))) return store.write(key, { ...draft, sent: "" });
    const place = places[0];
    const typed = changed(place);
    if (Object.keys(typed).length && !agrees(typed, draft)) return undefined;
    return restore(place, draft);
  }

  // What the server has just refused stands in its form again, also where this browser keeps no drafts.
  function putBack() {
    const told = $("#refused-words");
    if (!told) return;
    const { address, words } = JSON.parse(told.textContent);
    told.remove();
    const leadsTo = (form) => [form.getAttribute("action"), ...$$("[formaction]", form).map((button) => button.getAttribute("formaction"))];
    const isIt = (form) => leadsTo(form).some((url) => new URL(url || location.href, location.href).pathname === address)
      && [...form.elements].every((field) => field.type !== "hidden" || isSeen(field.name) || !(field.name in words) || words[field.name].includes(field.value));
    const form = formsOf(document).find(isIt);
    if (!form) return;
    const typed = Object.entries(words).filter(([name]) => name in said(form));
    restore(form, { at: Date.now(), words: Object.fromEntries(typed), seen: {}, sent: "?" });
  }

  // A form about anybody: the words wait beside it until somebody says whose they are.
  function offer() {
    const place = $("[data-draft-offers]");
    if (!place) return;
    place.replaceChildren();
    const form = $("form[data-draft-ask]");
    for (const key of store.all().filter((name) => name.startsWith(mine))) {
      const draft = store.read(key);
      if (!draft || !draft.ask || (form && nameOf(form) === key)) continue;
      const told = note("draft-offer");
      $("[data-time]", told).textContent = clock(draft.at);
      $("[data-about]", told).textContent = ["name", "phone", "description"].flatMap((name) => draft.words[name] || []).filter(Boolean).join(" · ").slice(0, 80);
      const [take, discard] = $$("button", told);
      take.addEventListener("click", () => takeUp(key));
      discard.addEventListener("click", () => { store.drop(key); offer(); });
      place.append(told);
    }
  }
  function takeUp(key) {
    const draft = store.read(key);
    const form = $("form[data-draft-ask]");
    if (!draft) return offer();
    if (form) {
      empty(form, Object.keys(changed(form)));
      form.dataset.call = key.split("@").pop();
      restore(form, draft);
      keep(form);
      return offer();
    }
    const finder = $("form.lk-find");
    const sought = [...(draft.words.phone || []), ...(draft.words.name || [])].find(Boolean);
    tab.write("laoke-take-up", key);
    if (finder.dataset.blank && !sought) return location.assign(finder.dataset.blank);
    finder.elements.q.value = sought || "?";
    return finder.requestSubmit();
  }
  function goOn() {
    const key = tab.take("laoke-take-up");
    const draft = key && store.read(key);
    if (!draft) return;
    if ($("form[data-draft-ask]")) return takeUp(key);
    const known = $("form[data-quick-log]");
    if (!known) return;
    restore(known, draft);
    store.drop(key);
    keep(known);
  }

  // A form that was sent: the server says whether it has it.
  async function settle() {
    const keys = store.all().filter((key) => key.startsWith(mine));
    const sending = known("laoke-sending");
    const asked = [...new Set([...keys.map((key) => store.read(key).sent), ...Object.keys(sending)])].filter((key) => /^[0-9a-f]{32}$/.test(key));
    for (const key of keys) if (!asked.includes(store.read(key).sent)) put(key, formsOf(document));
    if (asked.length) {
      const answer = await fetch(`/me/sent/?${asked.map((key) => `key=${key}`).join("&")}`, { headers: { "X-Requested-With": "XMLHttpRequest" } }).catch(() => null);
      if (!answer || !answer.ok) return offer();
      const has = (await answer.json()).sent;
      tab.write("laoke-stored", JSON.stringify({ ...known("laoke-stored"), ...Object.fromEntries(has.filter((key) => sending[key]).map((key) => [key, sending[key]])) }));
      tab.take("laoke-sending");
      for (const key of keys) {
        const draft = store.read(key);
        if (!draft || !asked.includes(draft.sent)) continue;
        const places = formsOf(document).filter((form) => nameOf(form) === key);
        if (!has.includes(draft.sent)) put(key, places);
        else if (places.some((form) => agrees(said(form, true), draft))) store.write(key, { ...draft, sent: "" });
        else store.drop(key);
      }
    }
    // Stored words that the browser has brought back (by Back, say) would be sent a second time.
    const sent = Object.values(known("laoke-stored"));
    for (const form of formsOf(document).filter((each) => !isDrawn(each))) {
      const names = Object.keys(changed(form));
      if (!names.length || !sent.includes(print(form))) continue;
      empty(form, names);
      document.dispatchEvent(new CustomEvent("toast", { detail: { text: $("#draft-restored").dataset.stored } }));
    }
    goOn();
    offer();
  }

  // The page has an address of its own, at which it can be opened again.
  const page = $("form[data-page]");
  if (page) history.replaceState(null, "", page.dataset.page);
  window.addEventListener("pageshow", () => {
    for (const form of $$("form")) delete form.dataset.sentAt;
    putBack();
    settle();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const forms = formsOf(event.detail.target);
    for (const form of forms) put(nameOf(form), forms);
    for (const form of opened.keys()) if (!filling && Object.keys(changed(form)).length) keep(form);
  });
})();
