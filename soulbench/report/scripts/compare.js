// Compare two: the paired difference request by request, the test in words, and both images under a slider.

const comparison = (() => {
  const host = document.getElementById("compare-view");
  const names = model.methods.map(({ id }) => id);
  const own = model.methods.filter(({ reference }) => !reference).map(({ id }) => id);
  const DEFAULTS = { a: own.at(-1) ?? names[0], b: names.includes("noop-ft") ? "noop-ft" : names[0], task: model.tasks[0], metric: model.primary, dimension: "target_error", request: "", split: "50" };
  let state = { ...DEFAULTS };

  const go = (changes, replace) => address.go("compare",
    Object.fromEntries(Object.entries({ ...state, ...changes }).filter(([key, value]) => value !== DEFAULTS[key])), replace);

  const rows = () => model.requests.map((request) => {
    const [a, b] = [state.a, state.b].map((name) => model.seeds(name, state.task, state.dimension, state.metric, request.id));
    const paired = a.length === b.length ? a.map((value, index) => value - b[index]) : [];
    return { request, a: mean(a), b: mean(b), difference: a.length && b.length ? mean(a) - mean(b) : null, paired };
  }).filter((row) => row.difference !== null).sort((x, y) => Math.abs(y.difference) - Math.abs(x.difference));

  // The pair as tested: a minus b, whichever was counted first.
  const tested = () => {
    if (state.metric !== model.primary) return null;
    for (const entry of model.pairs[state.task]?.[state.dimension] ?? []) {
      const [a, b, difference, low, high, requests, p, holm, comparisons, least] = entry;
      if (a === state.a && b === state.b) return { difference, low, high, requests, p, holm, comparisons, least };
      if (a === state.b && b === state.a) return { difference: -difference, low: high === null ? null : -high, high: low === null ? null : -low, requests, p, holm, comparisons, least };
    }
    return null;
  };

  const sentences = (found, all) => {
    const unit = model.unit(state.metric);
    const what = `${state.dimension} (${model.dimensionOf.get(state.dimension).words}), ${state.task}`;
    if (state.a === state.b) return [`${state.a} is compared with itself: choose two methods.`];
    if (!all.length) return [`${state.a} and ${state.b} have no request in common in which ${what} was measured.`];
    if (!found) return [`${state.a} minus ${state.b}, ${what}: ${words(mean(all.map((row) => row.difference)))} ${unit} on average over ${counted(all.length, "request")}. Intervals and tests are in grey levels alone, in which every verdict is reached.`];
    const text = [`${state.a} minus ${state.b}, ${what}: ${interval(found.low === null ? [found.difference] : [found.difference, found.low, found.high])} ${unit} over ${counted(found.requests, "request")}.`];
    if (found.low === null) return [...text, `There are too few requests for an interval or a test: ${model.fewest} are needed.`];
    text.push(found.low > 0 ? `${state.a} is certain to be higher.` : found.high < 0 ? `${state.a} is certain to be lower.` : "The interval contains 0: which of both is higher is not certain.");
    const family = own.includes(state.a) && own.includes(state.b) ? "pairs of two methods" : "pairs of a method with this reference";
    text.push(`Wilcoxon's signed-rank test over requests: ${probability(found.p)}; after Holm's correction over all ${found.comparisons} ${family}: ${probability(found.holm)}. With ${found.requests} requests no corrected p can be below ${rounded(found.least)}${found.least > 0.05 ? ", so that this test cannot decide after the correction" : ""}.`);
    return text;
  };

  const bar = (row, most) => {
    const [width, height] = [180, 20];
    const x = (value) => width / 2 + (value / most) * (width / 2 - 8);
    const ends = row.paired.length > 1 ? [Math.min(...row.paired), Math.max(...row.paired)] : null;
    return drawing("svg", { class: "bar", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
      drawing("line", { x1: x(0), x2: x(0), y1: 0, y2: height, class: "original-line" }),
      ends ? drawing("line", { x1: x(ends[0]), x2: x(ends[1]), y1: 10, y2: 10, class: "whisker strong" }) : null,
      drawing("circle", { cx: x(row.difference), cy: 10, r: 4.5, class: "own" }));
  };

  const table = (all) => {
    const most = Math.max(1e-9, ...all.flatMap((row) => [row.difference, ...row.paired].map(Math.abs)));
    const heads = ["Request", "Target", state.a, state.b, "Difference", `from −${words(most)} to ${words(most)}`].map((text) => element("th", { scope: "col", text }));
    return scrolled("paired differences", element("table", { class: "plain requests" },
      element("caption", { class: "note", text: "The greatest disagreement first. Point: mean over training seeds; bar: from the lowest to the highest seed." }),
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...all.map((row) => element("tr", { class: row.request.id === state.request ? "chosen" : "" },
        element("th", { scope: "row" }, button(row.request.id, () => go({ request: row.request.id }), { class: "plain-button", "aria-pressed": String(row.request.id === state.request) })),
        element("td", { text: `${row.request.category}, ${row.request.kind}` }),
        ...[row.a, row.b, row.difference].map((value) => element("td", { class: "num", text: words(value) })), element("td", {}, bar(row, most)))))));
  };

  // Both images over each other; the slider uncovers the first from the left.
  const slider = (found, request) => {
    const [a, b] = [state.a, state.b].map((name) => tiles.canvas(found, name, state.task));
    if (!a || !b) return null;
    const upper = element("span", { class: "upper" }, a);
    const input = element("input", { type: "range", min: 0, max: 100, value: state.split, "aria-label": `how much of ${state.a} covers ${state.b}` });
    const show = () => { upper.style.clipPath = `inset(0 ${100 - input.value}% 0 0)`; };
    input.addEventListener("input", show);
    input.addEventListener("change", () => go({ split: input.value }, true));
    show();
    return element("figure", { class: "slider" }, element("span", { class: "frame" }, b, upper, ...tiles.outlines(request.boxes)), input,
      element("figcaption", { text: `left: ${state.a}; right: ${state.b}; ${state.task}` }));
  };

  const pictures = (request) => {
    const place = element("div", { class: "pictures" });
    tiles.sprite(request.id, ["truth", "retrained", state.a, state.b]).then((found) => {
      if (!found) return place.replaceChildren(tiles.missing(request.id));
      const both = model.tasks.map((task) => element("div", { class: "strip-of-tiles", role: "group", "aria-label": task },
        element("h4", { text: task }),
        ...[["truth", "truth"], ["retrained", "retrained"], [state.a, state.a], [state.b, state.b]].map((name) => tiles.picture(found, name, task, request, true)),
        tiles.map(found, [state.a, state.b], "difference", task, request, true)));
      return place.replaceChildren(slider(found, request) ?? "", element("div", {}, ...both));
    });
    return element("section", { class: "detail", "aria-label": `Request ${request.id}` },
      element("h3", { text: `${request.id}: ${request.category} (${request.kind})` }), place, tiles.legend());
  };

  const render = (parameters) => {
    const focus = document.activeElement?.closest("#compare-view") ? pathTo(host, document.activeElement) : null;
    state = { ...DEFAULTS, ...parameters };
    for (const [key, known] of [["a", names], ["b", names], ["task", model.tasks], ["metric", [...model.metricOf.keys()]], ["dimension", [...model.dimensionOf.keys()]]]) {
      if (!known.includes(state[key])) state[key] = DEFAULTS[key];
    }
    const all = rows();
    if (!all.some((row) => row.request.id === state.request)) state.request = all[0]?.request.id ?? "";
    host.replaceChildren(
      element("div", { class: "controls" },
        menu("Method", names.map((name) => [name, name]), state.a, (a) => go({ a })),
        menu("with", names.map((name) => [name, name]), state.b, (b) => go({ b })),
        button("swap", () => go({ a: state.b, b: state.a })),
        menu("Task", model.tasks.map((task) => [task, task]), state.task, (task) => go({ task })),
        menu("Dimension", model.dimensions.map(({ id, words: text }) => [id, `${id}: ${text}`]), state.dimension, (dimension) => go({ dimension })),
        menu("Metric", model.metrics.map(({ id }) => [id, model.metricName(id)]), state.metric, (metric) => go({ metric })),
        viewTools("compare")),
      ...sentences(tested(), all).map((text) => element("p", { class: "said-in-words", text })),
      all.length ? table(all) : "", state.request ? pictures(model.requestOf(state.request)) : "");
    if (focus) focusAt(host, focus);
  };

  return { render };
})();
