/* Draws <div data-chart="NAME" data-source="ID of a json_script">. All words in the JSON are already translated.

matrix         {x: "axis", y: "axis", cut: {x, y}, points: [[value, potential, "name", "url"]…], scale: "linear"|"root",
                quadrants: {ll|lh|hl|hh: {label, count, url}}}   first letter value, second potential
concentration  {x, y, points: [[share of customers, share of profit]… in 0–1], reference: {x: .2, y: .8, label},
                actual: {x, y, label}, curve: "series name"}
interval       {purchases: [["2026-01-31", amount]…], next: {from, to, label}, limit: {on, label}, today: {on, label},
                label: "purchase", amount: "amount"}
spend          {x, y, bars: [[from, to, customers]…]}   equal steps of the logarithm; tiers.js lays thresholds over it
line           {labels: […], series: [{name, data, dashed?}], unit: "%"?, min?, x?, y?}
bar            {labels: […], series: [{name, data}], unit?, horizontal?, stacked?, urls?: […], x?, y?}   zero-based
*/
(() => {
  "use strict";
  const INK = "#1b2433";
  const MUTED = "#5a6577";
  const LINE = "#e3e7ed";
  const COLOURS = ["#066fd1", "#d97706", "#1f7a34", "#7c5cd6", "#b42318", "#4b5565"];
  const QUADRANT = { ll: ["#7b8698", "#f4f5f7"], lh: ["#7c5cd6", "#f5f2fd"], hl: ["#066fd1", "#eef5fd"], hh: ["#1f7a34", "#eef8f0"] };
  const zh = document.documentElement.lang.toLowerCase().startsWith("zh");
  const narrow = () => window.innerWidth < 640;
  const number = (value, digits = 0) => Number(value).toLocaleString("en-US", { maximumFractionDigits: digits });
  function short(value) {
    const size = Math.abs(value);
    if (zh) return size >= 1e8 ? `${+(value / 1e8).toFixed(1)}亿` : size >= 1e4 ? `${+(value / 1e4).toFixed(1)}万` : number(value);
    return size >= 1e6 ? `${+(value / 1e6).toFixed(1)}M` : size >= 1e3 ? `${+(value / 1e3).toFixed(1)}k` : number(value);
  }
  const traditional = document.documentElement.lang.toLowerCase() === "zh-hant";
  const brief = (value) => (traditional ? short(value).replace("亿", "億").replace("万", "萬") : short(value));
  const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const percent = (value) => `${Math.round(value * 100)}%`;
  const family = getComputedStyle(document.body).fontFamily;

  const axis = (extra) => ({
    axisLine: { lineStyle: { color: "#aab3c0" } },
    axisTick: { show: false },
    axisLabel: { color: MUTED, fontSize: 12, hideOverlap: true },
    splitLine: { lineStyle: { color: LINE } },
    nameTextStyle: { color: MUTED, fontSize: 12 },
    ...extra,
  });
  const tooltip = { confine: true, borderColor: LINE, textStyle: { color: INK, fontSize: 13 }, padding: [6, 10] };
  const legend = { top: 0, left: 0, itemWidth: 16, itemHeight: 8, icon: "roundRect", textStyle: { color: MUTED, fontSize: 12 } };

  const builders = {
    matrix(data) {
      // Money is skewed: a signed square root spreads the crowd near zero and keeps the order.
      const root = data.scale === "root";
      const to = (v) => (root ? Math.sign(v) * Math.sqrt(Math.abs(v)) : v);
      const from = (v) => (root ? Math.sign(v) * v * v : v);
      const cut = { x: to(data.cut.x), y: to(data.cut.y) };
      const groups = { ll: [], lh: [], hl: [], hh: [] };
      const reach = { x: [Math.min(0, cut.x), cut.x], y: [Math.min(0, cut.y), cut.y] };
      for (const [value, potential, name, url] of data.points) {
        const x = to(value);
        const y = to(potential);
        groups[(value >= data.cut.x ? "h" : "l") + (potential >= data.cut.y ? "h" : "l")].push({ value: [x, y, value, potential], name, url });
        reach.x = [Math.min(reach.x[0], x), Math.max(reach.x[1], x)];
        reach.y = [Math.min(reach.y[0], y), Math.max(reach.y[1], y)];
      }
      const pad = (range) => { const room = (range[1] - range[0] || 1) * 0.06; return [range[0] < 0 ? range[0] - room : 0, range[1] + room]; };
      const [left, right] = pad(reach.x);
      const [low, high] = pad(reach.y);
      const corner = { ll: [[left, low], [cut.x, cut.y]], lh: [[left, cut.y], [cut.x, high]], hl: [[cut.x, low], [right, cut.y]], hh: [[cut.x, cut.y], [right, high]] };
      // The names of the quadrants stand in their outer corners, above the points.
      const names = Object.entries(data.quadrants || {}).map(([key, quadrant]) => ({
        value: [key[0] === "l" ? left : right, key[1] === "l" ? low : high],
        name: quadrant.label,
        url: quadrant.url,
        label: {
          formatter: quadrant.count === undefined ? quadrant.label : `${quadrant.label}\n${number(quadrant.count)}`,
          position: key[0] === "l" ? "right" : "left",
          align: key[0] === "l" ? "left" : "right",
          verticalAlign: key[1] === "l" ? "bottom" : "top",
          offset: [0, key[1] === "l" ? -6 : 6],
          color: key === "ll" ? "#4b5565" : key === "lh" ? "#5b3fa6" : key === "hl" ? "#0b5cab" : QUADRANT.hh[0],
        },
      }));
      const many = data.points.length > 400;
      const series = Object.keys(groups).map((key) => {
        const quadrant = (data.quadrants || {})[key] || {};
        return {
          type: "scatter",
          name: quadrant.label || key,
          data: groups[key],
          symbolSize: many ? 5 : 8,
          itemStyle: { color: QUADRANT[key][0], opacity: many ? 0.55 : 0.75 },
          emphasis: { scale: 1.6, itemStyle: { opacity: 1 } },
          cursor: "pointer",
          markArea: {
            silent: !quadrant.url,
            itemStyle: { color: QUADRANT[key][1] },
            label: { show: false },
            data: [[{ name: quadrant.label || "", coord: corner[key][0], url: quadrant.url }, { coord: corner[key][1] }]],
          },
        };
      });
      series[0].markLine = { silent: true, symbol: "none", animation: false, lineStyle: { color: "#4b5565", type: "dashed", width: 1 }, label: { show: false }, data: [{ xAxis: cut.x }, { yAxis: cut.y }] };
      series.push({ type: "scatter", data: names, z: 9, symbolSize: 1, itemStyle: { color: "transparent" }, tooltip: { show: false }, cursor: "pointer", label: { show: true, fontSize: narrow() ? 11 : 13, fontWeight: 700, lineHeight: 17, padding: [3, 6], borderRadius: 4, backgroundColor: "rgba(255,255,255,.82)" } });
      return {
        grid: { left: 12, right: 18, top: 30, bottom: 34, containLabel: true },
        tooltip: { ...tooltip, formatter: (p) => (p.componentType === "series" ? `<b>${escape(p.data.name || "")}</b><br>${escape(data.x)}: ${number(p.value[2])}<br>${escape(data.y)}: ${number(p.value[3])}` : escape(p.name)) },
        xAxis: axis({ type: "value", min: left, max: right, name: data.x, nameLocation: "middle", nameGap: 28, splitLine: { show: false }, axisLabel: { color: MUTED, hideOverlap: true, showMinLabel: false, showMaxLabel: false, formatter: (v) => brief(from(v)) } }),
        yAxis: axis({ type: "value", min: low, max: high, name: data.y, nameLocation: "end", nameTextStyle: { color: MUTED, align: "left" }, splitLine: { show: false }, axisLabel: { color: MUTED, showMinLabel: false, showMaxLabel: false, formatter: (v) => brief(from(v)) } }),
        series,
      };
    },

    concentration(data) {
      const marks = [];
      if (data.reference) marks.push({ coord: [data.reference.x, data.reference.y], name: data.reference.label, symbol: "diamond", itemStyle: { color: "#fff", borderColor: MUTED, borderWidth: 2 }, label: { color: MUTED } });
      if (data.actual) marks.push({ coord: [data.actual.x, data.actual.y], name: data.actual.label, symbol: "circle", itemStyle: { color: "#066fd1", borderColor: "#fff", borderWidth: 2 }, label: { color: "#0b5cab", fontWeight: 600 } });
      const close = data.reference && data.actual && Math.abs(data.reference.x - data.actual.x) < 0.25 && Math.abs(data.reference.y - data.actual.y) < 0.09;
      marks.forEach((mark, i) => { mark.label = { ...mark.label, position: "right", distance: 10, fontSize: 12, offset: close ? [0, (i ? 1 : -1) * (data.actual.y > data.reference.y ? -10 : 10)] : [0, 0], formatter: mark.name }; });
      const cross = (point, colour) => [[{ coord: [point.x, 0] }, { coord: [point.x, point.y] }], [{ coord: [0, point.y] }, { coord: [point.x, point.y] }]].map((pair) => { pair[0].lineStyle = { color: colour, type: "dashed", width: 1 }; return pair; });
      return {
        grid: { left: 8, right: 20, top: 30, bottom: 32, containLabel: true },
        tooltip: { ...tooltip, trigger: "axis", formatter: (ps) => `${escape(data.x)}: ${(ps[0].value[0] * 100).toFixed(1)}%<br>${escape(data.y)}: ${(ps[0].value[1] * 100).toFixed(1)}%` },
        xAxis: axis({ type: "value", min: 0, max: 1, name: data.x, nameLocation: "middle", nameGap: 26, splitLine: { show: false }, axisLabel: { color: MUTED, formatter: percent } }),
        yAxis: axis({ type: "value", min: 0, max: Math.max(1, ...data.points.map((p) => p[1])), name: data.y, nameTextStyle: { color: MUTED, align: "left" }, axisLabel: { color: MUTED, formatter: percent } }),
        series: [
          { type: "line", name: data.curve || data.y, data: data.points, showSymbol: false, lineStyle: { width: 2.5 }, areaStyle: { opacity: 0.07 },
            markPoint: { symbolSize: 13, data: marks, animation: false },
            markLine: { silent: true, symbol: "none", animation: false, label: { show: false }, data: [...(data.reference ? cross(data.reference, "#aab3c0") : []), ...(data.actual ? cross(data.actual, "#066fd1") : [])] } },
          { type: "line", data: [[0, 0], [1, 1]], showSymbol: false, silent: true, lineStyle: { color: "#cdd4de", width: 1 }, tooltip: { show: false } },
        ],
      };
    },

    interval(data) {
      const marks = [];
      const points = data.purchases.map(([on, amount]) => ({ value: [on, 0, amount] }));
      const largest = Math.max(1, ...data.purchases.map((p) => p[1] || 0));
      if (data.limit) marks.push({ xAxis: data.limit.on, name: data.limit.label, lineStyle: { color: "#8a5a00", type: "dashed", width: 2 }, label: { color: "#8a5a00" } });
      if (data.today) marks.push({ xAxis: data.today.on, name: data.today.label, lineStyle: { color: "#b42318", type: "solid", width: 2 }, label: { color: "#b42318", fontWeight: 600, distance: data.limit ? 20 : 5 } });
      const days = [...data.purchases.map((p) => p[0]), data.limit && data.limit.on, data.today && data.today.on, data.next && data.next.to].filter(Boolean).map((d) => +new Date(d));
      const room = Math.max(3 * 864e5, (Math.max(...days) - Math.min(...days)) * 0.05);
      return {
        // The span of the next purchase is often narrower than its name, which therefore stands in the corner.
        title: data.next ? { text: `{box|}  ${data.next.label}`, left: 8, top: 0, padding: 0, textStyle: { fontSize: 12, fontWeight: 400, color: "#0b5cab", rich: { box: { width: 14, height: 10, borderRadius: 2, backgroundColor: "#b9d7f5" } } } } : undefined,
        grid: { left: 16, right: 16, top: 46, bottom: 26 },
        tooltip: { ...tooltip, formatter: (p) => `<b>${escape(p.value[0])}</b>${p.value[2] === undefined ? "" : `<br>${escape(data.amount || "")} ${number(p.value[2], 2)}`}` },
        xAxis: axis({ type: "time", min: Math.min(...days) - room, max: Math.max(...days) + room, splitLine: { show: false }, axisLabel: { color: MUTED, hideOverlap: true, showMinLabel: false, showMaxLabel: false, formatter: "{yyyy}-{MM}-{dd}" }, splitNumber: narrow() ? 2 : 6 }),
        yAxis: { type: "value", min: -1, max: 1, show: false },
        series: [{
          type: "scatter", name: data.label, data: points, z: 5,
          symbolSize: (v) => 9 + 12 * Math.sqrt((v[2] || 0) / largest),
          itemStyle: { color: "#066fd1", opacity: 0.75, borderColor: "#fff", borderWidth: 1 },
          markLine: { symbol: "none", silent: true, animation: false, label: { formatter: (p) => p.name, fontSize: 12, position: "end" }, data: marks },
          markArea: data.next ? { silent: true, itemStyle: { color: "#d6e8fa" }, label: { show: false }, data: [[{ name: data.next.label, xAxis: data.next.from }, { xAxis: data.next.to }]] } : undefined,
        }],
      };
    },

    spend(data) {
      const log = (v) => Math.log10(Math.max(v, 1));
      const bars = data.bars.length ? data.bars : [[1, 10, 0]];
      const steps = bars.map(([low, , count]) => [log(low), count]).concat([[log(bars[bars.length - 1][1]), 0]]);
      return {
        grid: { left: 46, right: 18, top: 40, bottom: 40 },
        tooltip: { ...tooltip, trigger: "axis", axisPointer: { type: "line" }, formatter: (ps) => { const bar = bars[ps[0].dataIndex]; return bar ? `${brief(bar[0])} – ${brief(bar[1])}<br>${escape(data.y)}: ${number(bar[2])}` : ""; } },
        xAxis: axis({ type: "value", min: 0, max: Math.ceil(steps[steps.length - 1][0] * 4) / 4, interval: 1, name: data.x, nameLocation: "middle", nameGap: 26, splitLine: { show: false }, axisLabel: { color: MUTED, showMaxLabel: false, formatter: (v) => brief(10 ** v) } }),
        yAxis: axis({ type: "value", name: data.y, nameTextStyle: { color: MUTED, align: "left" }, axisLabel: { color: MUTED, formatter: brief } }),
        series: [{ type: "line", step: "end", data: steps, showSymbol: false, lineStyle: { width: 1.5 }, areaStyle: { opacity: 0.16 } }],
      };
    },

    line(data) {
      return {
        grid: { left: 8, right: 18, top: data.series.length > 1 || data.y ? 34 : 14, bottom: data.x ? 28 : 6, containLabel: true },
        legend: data.series.length > 1 ? legend : undefined,
        tooltip: { ...tooltip, trigger: "axis", valueFormatter: (v) => (v === null || v === undefined ? "–" : `${number(v, 2)}${data.unit || ""}`) },
        xAxis: axis({ type: "category", data: data.labels, boundaryGap: false, splitLine: { show: false }, name: data.x, nameLocation: "middle", nameGap: 26 }),
        yAxis: axis({ type: "value", min: data.min, name: data.series.length > 1 ? undefined : data.y, nameTextStyle: { color: MUTED, align: "left" }, axisLabel: { color: MUTED, formatter: (v) => brief(v) + (data.unit || "") } }),
        series: data.series.map((one) => ({ type: "line", name: one.name, data: one.data, symbol: "circle", symbolSize: 6, showSymbol: data.labels.length < 40, lineStyle: { width: 2, type: one.dashed ? "dashed" : "solid" } })),
      };
    },

    bar(data) {
      const names = axis({ type: "category", data: data.labels, splitLine: { show: false }, inverse: Boolean(data.horizontal), name: data.horizontal ? undefined : data.x, nameLocation: "middle", nameGap: 26 });
      const values = axis({ type: "value", min: (range) => Math.min(0, range.min), name: data.horizontal ? undefined : data.y, nameTextStyle: { color: MUTED, align: "left" }, axisLabel: { color: MUTED, hideOverlap: true, formatter: (v) => brief(v) + (data.unit || "") } });
      return {
        grid: { left: 8, right: 24, top: data.series.length > 1 || data.y ? 34 : 14, bottom: data.x ? 28 : 6, containLabel: true },
        legend: data.series.length > 1 ? legend : undefined,
        tooltip: { ...tooltip, trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (v) => `${number(v, 2)}${data.unit || ""}` },
        xAxis: data.horizontal ? values : names,
        yAxis: data.horizontal ? names : values,
        series: data.series.map((one) => ({ type: "bar", name: one.name, barMaxWidth: 30, stack: data.stacked ? "all" : undefined, data: one.data.map((v, i) => ({ value: v, url: data.urls && data.urls[i] })), itemStyle: { borderRadius: data.stacked ? 0 : data.horizontal ? [0, 3, 3, 0] : [3, 3, 0, 0] } })),
      };
    },
  };

  const drawn = new Map();
  function draw(box) {
    const source = document.getElementById(box.dataset.source);
    const build = builders[box.dataset.chart];
    if (!source || !build) return;
    const data = JSON.parse(source.textContent);
    if (!data) return;
    const chart = drawn.get(box) || echarts.init(box, null, { renderer: "svg", locale: zh ? "ZH" : "EN" });
    const label = box.getAttribute("aria-label");
    chart.setOption({ color: COLOURS, textStyle: { fontFamily: family }, animation: false, aria: { enabled: true, label: label ? { description: label } : {} }, ...build(data) }, true);
    if (!drawn.has(box)) {
      chart.on("click", (event) => { const url = event.data && event.data.url; if (url) location.assign(url); });
      new ResizeObserver(() => chart.resize()).observe(box);
      drawn.set(box, chart);
    }
  }
  function all() {
    for (const [box, chart] of drawn) if (!box.isConnected) { chart.dispose(); drawn.delete(box); }
    for (const box of document.querySelectorAll("[data-chart]")) {
      try { draw(box); } catch (error) { console.error(box.dataset.chart, error); }
    }
    document.body.dataset.charts = "ready";
  }
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target && event.detail.target.querySelector("[data-chart]")) all(); });
  all();
})();
