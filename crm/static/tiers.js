/* Draggable thresholds over the "spend" chart: each line is a slider that belongs to a field of the editor. */
(() => {
  "use strict";
  const box = document.querySelector('[data-chart="spend"]');
  if (!box) return;
  const data = JSON.parse(document.getElementById(box.dataset.source).textContent);
  const chart = () => echarts.getInstanceByDom(box);
  const tidy = (value) => {
    // Two leading digits while dragging: nobody sets a threshold of ¥1,037.
    const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(value, 1))) - 1);
    return Math.max(1, Math.round(value / step) * step);
  };
  const handles = [];

  function place(handle) {
    const value = Number(handle.field.value);
    const usable = Number.isFinite(value) && value > 0;
    handle.knob.hidden = !usable || !chart();
    if (handle.knob.hidden) return;
    const { min, max } = chart().getOption().xAxis[0];
    const at = Math.min(max, Math.max(min, Math.log10(value)));
    handle.knob.style.left = `${chart().convertToPixel({ xAxisIndex: 0 }, at)}px`;
    handle.knob.setAttribute("aria-valuenow", String(value));
    handle.knob.setAttribute("aria-valuetext", String(value));
  }
  const settle = (handle) => handle.field.dispatchEvent(new Event("change", { bubbles: true }));
  function set(handle, value) {
    handle.field.value = String(tidy(value));
    place(handle);
  }

  function add(line) {
    const field = document.getElementById(line.input);
    if (!field) return;
    const knob = document.createElement("button");
    knob.type = "button";
    knob.className = "lk-threshold";
    knob.dataset.input = line.input;
    knob.setAttribute("role", "slider");
    knob.setAttribute("aria-label", line.name);
    knob.setAttribute("aria-valuemin", "1");
    const label = document.createElement("span");
    label.textContent = line.name;
    knob.append(label);
    const handle = { field, knob };
    knob.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      knob.focus();
      knob.setPointerCapture(event.pointerId);
      const move = (now) => set(handle, 10 ** chart().convertFromPixel({ xAxisIndex: 0 }, now.clientX - box.getBoundingClientRect().left));
      const stop = () => {
        knob.removeEventListener("pointermove", move);
        settle(handle);
      };
      knob.addEventListener("pointermove", move);
      knob.addEventListener("pointerup", stop, { once: true });
      knob.addEventListener("pointercancel", stop, { once: true });
    });
    knob.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const value = Number(field.value) || 1;
      const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(value, 1))) - 1);
      set(handle, value + way * step);
      settle(handle);
    });
    field.addEventListener("input", () => place(handle));
    box.parentElement.append(knob);
    handles.push(handle);
  }

  function start() {
    data.lines.forEach(add);
    const all = () => handles.forEach(place);
    all();
    new ResizeObserver(() => requestAnimationFrame(all)).observe(box);
  }
  start();
})();
