// Explore: from a score to the request to the image.

const explore = (() => {
  const host = document.getElementById("explore-view");
  const DEFAULTS = { task: model.tasks[0], metric: model.primary, harm: model.retained[0], kind: "all", budget: "described",
    hidden: "", method: "", request: "", sort: "sod", order: "down", against: "original", outline: "yes" };
  let state = { ...DEFAULTS };

  const changed = (changes) => Object.fromEntries(Object.entries({ ...state, ...changes }).filter(([key, value]) => value !== DEFAULTS[key]));
  const go = (changes, replace) => {
    address.go("explore", changed(changes), replace);
    const opened = changes.request ? ".detail" : changes.method ? ".chosen-method h3" : null;
    if (opened) host.querySelector(opened)?.scrollIntoView({ block: "nearest", behavior: "instant" });
  };
  const hidden = () => new Set(state.hidden.split(",").filter(Boolean));

  // Budgets: those that any method has, in steps of a fine-tuning or as multiples of another method's strength. The multiple
  // is rounded: 0.3 times 3 is not 0.9 to the bit.
  const isTuned = (method) => method.family === "finetune";
  const multiple = (method, budget) => Number((budget / method.described).toPrecision(6));
  const budgets = () => {
    const found = new Map();
    for (const method of model.methods) {
      for (const { budget } of model.plane.all[state.task][model.primary].points[method.id] ?? []) {
        if (budget === null || budget === method.described) continue;
        if (isTuned(method)) found.set(`steps-${budget}`, `${budget} steps`);
        else found.set(`times-${multiple(method, budget)}`, `${words(multiple(method, budget))} × strength`);
      }
    }
    const selected = model.methods.some((method) => method.selected !== null) ? [["selected", "selected on development requests"]] : [];
    return [["described", "as described"], ...selected, ...(found.size ? [["paths", "all: paths"], ...found] : [])];
  };

  const atBudget = (method, points) => {
    if (state.budget === "paths") return points;
    if (state.budget === "selected") return points.filter(({ budget }) => budget === (method.selected ?? method.described));
    const [kind, amount] = state.budget.split("-");
    // A method that has no such budget is shown as described, and so are all at the budget `described`.
    const measure = { steps: isTuned(method) ? (budget) => budget : null, times: isTuned(method) ? null : (budget) => multiple(method, budget) }[kind];
    return points.filter(({ budget }) => measure && method.described !== null ? measure(budget) === Number(amount) : budget === method.described);
  };

  // What became of the target, at the operating point that is shown.
  const outcome = (method) => (method.outcomes[state.budget === "selected" && method.selected !== null ? "selected" : "as described"] ?? {})[state.task] ?? "";

  const shownPaths = () => {
    const without = hidden();
    const { points, band } = model.plane[state.kind][state.task][state.metric];
    const paths = {};
    for (const method of model.methods) {
      const own = atBudget(method, points[method.id] ?? []).filter((point) => isNumber(point.harm[state.harm]?.[0]));
      if (!without.has(method.id) && own.length) paths[method.id] = own;
    }
    return { paths, band };
  };

  const controls = () => element("div", { class: "controls" },
    menu("Task", model.tasks.map((task) => [task, task]), state.task, (task) => go({ task })),
    menu("Requests", Object.entries(model.kinds).map(([kind, ids]) => [kind, `${kind} (${ids.length})`]), state.kind, (kind) => go({ kind })),
    menu("Harm", model.retained.map((id) => [id, `${id}: ${model.dimensionOf.get(id).words}`]), state.harm, (harm) => go({ harm })),
    menu("Metric", model.metrics.map(({ id }) => [id, model.metricName(id)]), state.metric, (metric) => go({ metric })),
    menu("Budget", budgets(), state.budget, (budget) => go({ budget })),
    viewTools("explore"));

  const picker = () => {
    const without = hidden();
    const set = (names) => go({ hidden: [...names].join(",") });
    const box = (method) => {
      const input = element("input", { type: "checkbox", checked: !without.has(method.id), onchange: () => {
        without[input.checked ? "delete" : "add"](method.id);
        set(without);
      } });
      return element("span", { class: `pick ${method.level}${method.id === state.method ? " chosen" : ""}` },
        element("label", { "aria-label": `show ${method.id}` }, input),
        button("", () => go({ method: method.id, request: state.request }), { "aria-pressed": String(method.id === state.method), title: outcome(method) }));
    };
    const items = model.methods.map((method) => {
      const made = box(method);
      made.lastChild.append(keySymbol(method.id), ` ${method.id}`);
      return made;
    });
    return element("fieldset", { class: "picker" }, element("legend", { text: "Methods" }),
      element("div", { class: "tools" }, button("all", () => set([])), button("none", () => set(model.methods.map(({ id }) => id)))),
      ...items);
  };

  const pointTable = ({ paths }) => {
    const rows = Object.entries(paths).flatMap(([name, points]) => points.map((point) => element("tr", {},
      element("th", { scope: "row", text: name }), element("td", { text: words(point.budget) }),
      element("td", { text: interval(point.forgotten, percent) }), element("td", { text: interval(point.harm[state.harm]) }), element("td", { text: point.n }))));
    const heads = ["Method", "Budget", "Forgotten", `Harm (${state.harm})`, "Requests"].map((text) => element("th", { scope: "col", text }));
    return element("details", { class: "points" }, element("summary", { text: "The points as a table" }),
      scrolled("points", element("table", { class: "plain" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows))));
  };

  const COLUMNS = [
    ["request", "Request", (row) => row.request.id, (row) => row.request.id],
    ["category", "Target", (row) => row.request.category, (row) => `${row.request.category}, ${row.request.kind}`],
    ["forgotten", "Forgotten", (row) => row.forgotten, (row) => percent(row.forgotten)],
    ["sod", "Distance from retraining (sd)", (row) => (row.sod === null ? null : Math.abs(row.sod)), (row) => words(row.sod)],
    ["harm", "Harm", (row) => row.harm, (row) => words(row.harm)],
  ];

  const requestRows = () => {
    const rows = model.kinds[state.kind].map((id) => ({
      request: model.requestOf(id),
      forgotten: model.share(state.method, state.task, state.metric, id),
      sod: model.sod(state.method, state.task, state.metric, id),
      harm: model.harm(state.method, state.task, state.harm, state.metric, id),
    })).filter((row) => row.forgotten !== null || row.sod !== null || row.harm !== null);
    const [, , key] = COLUMNS.find(([name]) => name === state.sort) ?? COLUMNS[3];
    return rows.sort((a, b) => compare(key(a), key(b), state.order === "down" ? -1 : 1));
  };

  const requestTable = (rows) => {
    const heads = COLUMNS.map(([name, title]) => element("th", { scope: "col", "aria-sort": name === state.sort ? (state.order === "down" ? "descending" : "ascending") : "none" },
      button(title, () => go({ sort: name, order: state.sort === name && state.order === "down" ? "up" : "down" }), { class: "sort" })));
    const body = rows.map((row) => {
      const id = row.request.id;
      const kind = (name) => (name === "category" ? "" : name === "sod" && row.sod !== null && Math.abs(row.sod) <= 2 ? "num inside" : "num");
      const cells = COLUMNS.slice(1).map(([name, , , text]) => element("td", { class: kind(name), text: text(row) }));
      return element("tr", { class: id === state.request ? "chosen" : "" },
        element("th", { scope: "row" }, button(id, () => go({ request: id }), { "aria-pressed": String(id === state.request), class: "plain-button" })), ...cells);
    });
    return scrolled(`requests of ${state.method}`, element("table", { class: "plain requests" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body)));
  };

  // The target's error on a line: the original, noop-ft, this method, the retrained models and their band.
  const strip = () => {
    const series = [["original", "original"], ["noop-ft", "noop-ft"], [state.method, state.method], ["retrained", "retrained models"]]
      .filter(([name], index, all) => all.findIndex(([other]) => other === name) === index)
      .map(([name, text]) => ({ name, text, values: model.seeds(name, state.task, "target_error", state.metric, state.request) }));
    const centre = mean(series.at(-1).values);
    const sigma = model.sigma[state.task][state.metric];
    const all = [...series.flatMap(({ values }) => values), ...(centre === null ? [] : [centre - 2 * sigma, centre + 2 * sigma])];
    if (!all.length) return null;
    const [width, step, left] = [420, 22, 128];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const x = (value) => left + 8 + ((value - low) / (high - low || 1)) * (width - left - 24);
    const height = step * series.length + 24;
    const chart = drawing("svg", { class: "strip", viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Error of the target: ${series.map(({ text, values }) => `${text} ${words(mean(values))}`).join(", ")}` });
    if (centre !== null) chart.append(drawing("rect", { x: x(centre - 2 * sigma), y: 0, width: x(centre + 2 * sigma) - x(centre - 2 * sigma), height: height - 22, class: "band" }));
    series.forEach(({ name, text, values }, row) => {
      const y = step * row + step / 2;
      chart.append(drawing("text", { x: left, y: y + 4, class: "tick end", text }),
        ...values.map((value) => drawing("circle", { cx: x(value), cy: y, r: 4.5, class: name === state.method ? `own ${model.styles.get(name).level}` : "other" })));
    });
    for (const value of [low, high]) chart.append(drawing("text", { x: x(value), y: height - 6, class: "tick middle", text: words(value) }));
    return element("figure", { class: "strip-figure" }, chart,
      element("figcaption", { text: `Error of the target in ${state.task}, ${model.metricName(state.metric)}: one point for each training seed, or retrained model; shaded: within two standard deviations of retraining.` }));
  };

  const numbers = () => {
    const columns = [...new Set([state.method, "original", "noop-ft", "reseed", "retrained"])].filter((name) => model.values[name]);
    const NAMES = { original: "original (other noise)", reseed: "another seed", retrained: "retrained" };
    const rows = model.dimensions.map(({ id, words: text }) => {
      const cells = columns.map((name) => model.value(name, state.task, id, state.metric, state.request));
      return cells.every((cell) => cell === null) ? null : element("tr", {}, element("th", { scope: "row", title: text, text: id }),
        ...cells.map((cell) => element("td", { class: "num", text: words(cell) })));
    }).filter(Boolean);
    const heads = ["Dimension", ...columns.map((name) => NAMES[name] ?? name)].map((text) => element("th", { scope: "col", text }));
    return scrolled("numbers of the request", element("table", { class: "plain numbers" },
      element("caption", { text: `${state.request} in ${state.task}, ${model.metricName(state.metric)}: this method beside its floors and retraining` }),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
  };

  const pictures = (found, request) => {
    const outlined = state.outline === "yes";
    const own = state.method;
    const names = [["truth", "truth"], ["original", "original"], ["retrained", "retrained"], [own, own]].filter(([name], index, all) =>
      all.findIndex(([other]) => other === name) === index);
    return model.tasks.map((task) => element("div", { class: "strip-of-tiles", role: "group", "aria-label": task },
      element("h5", { text: task }),
      ...names.map((name) => tiles.picture(found, name, task, request, outlined)),
      tiles.map(found, [own, state.against], `difference from ${state.against}`, task, request, outlined)));
  };

  const step = (rows, by) => {
    const index = rows.findIndex((row) => row.request.id === state.request);
    const next = rows[(index + by + rows.length) % rows.length];
    if (next) go({ request: next.request.id });
  };

  const detail = (rows) => {
    const request = model.requestOf(state.request);
    const images = element("div", { class: "pictures" });
    tiles.sprite(state.request, ["truth", "original", "retrained", state.method]).then((found) => images.replaceChildren(...(found ? pictures(found, request) : [tiles.missing(state.request)])));
    const more = request.images > 1 ? ` Shown is the image of the first of ${counted(request.targets, "target")} in ${counted(request.images, "image")}.` : "";
    const outline = element("input", { type: "checkbox", checked: state.outline === "yes", onchange: () => go({ outline: outline.checked ? "yes" : "no" }) });
    return element("section", { class: "detail", "aria-label": `Request ${request.id}` },
      element("h4", { text: `${request.id}: ${request.category} (${request.kind}), ${state.method}` }),
      element("div", { class: "controls" },
        button("← previous", () => step(rows, -1)), button("next →", () => step(rows, 1)),
        menu("Difference from", ["original", "truth", "retrained"].map((name) => [name, name]), state.against, (against) => go({ against })),
        element("label", {}, outline, " outline the targets"),
        element("a", { href: address.link("compare", { a: state.method, b: "noop-ft", request: state.request, ...(state.task === model.tasks[0] ? {} : { task: state.task }) }), text: "compare with noop-ft" })),
      images, tiles.legend(), more ? element("p", { class: "note", text: more }) : null, element("div", { class: "beside" }, strip(), numbers()));
  };

  const words_of = ({ paths }) => {
    const count = model.kinds[state.kind].length;
    const few = count < model.fewest ? ` ${counted(count, "request")}: too few for intervals (${model.fewest} are needed), hence hollow points.` : "";
    return `${counted(Object.keys(paths).length, "method")} in ${state.task}. Bars: ${Math.round(100 * model.confidence)} % intervals. Shaded: within two standard deviations of the retrained models. Below the dotted line an eye sees no harm.${few}`
      + (state.metric === model.primary ? "" : " Verdicts are reached in grey levels alone.");
  };

  const chosenMethod = () => {
    const below = element("div", { class: "chosen-method" });
    if (!state.method) return fill(below, {}, [element("p", { class: "note", text: "Click a point, or a method's name, for its requests." })]);
    const rows = requestRows();
    const method = model.methodOf.get(state.method);
    return fill(below, {}, [element("h3", { text: `${state.method}: ${outcome(method)} ` },
      method.badge ? element("small", { class: "badge", text: method.badge }) : null),
      element("p", { class: "note", text: "Requests and images are as described. Click a request for its images; the arrow keys go to the next one." }),
      requestTable(rows), state.request ? detail(rows) : null]);
  };

  let drawn = "";
  const render = (parameters) => {
    const focus = document.activeElement?.closest("#explore-view") ? pathTo(host, document.activeElement) : null;
    state = { ...DEFAULTS, ...parameters };
    for (const [key, known] of [["task", model.tasks], ["kind", Object.keys(model.kinds)], ["metric", [...model.metricOf.keys()]], ["harm", model.retained], ["method", ["", ...model.methodOf.keys()]]]) {
      if (!known.includes(state[key])) state[key] = DEFAULTS[key];
    }
    if (!budgets().some(([key]) => key === state.budget)) state.budget = DEFAULTS.budget;
    if (!model.kinds[state.kind].includes(state.request)) state.request = "";
    const below = chosenMethod();
    // Another request of the same method leaves everything above as it is.
    const above = JSON.stringify({ ...state, request: "", sort: "", order: "", against: "", outline: "" });
    if (above === drawn) host.lastChild.replaceWith(below);
    else {
      drawn = above;
      const found = shownPaths();
      const chart = element("div", { class: "chart" });
      host.replaceChildren(controls(), element("div", { class: "explore-grid" }, element("div", {}, chart, element("p", { class: "note", text: words_of(found) }), pointTable(found)), picker()), below);
      draw(chart, found);
    }
    if (focus) focusAt(host, focus);
    return host.querySelector(".detail");
  };

  const draw = (chart, { paths, band }) => plane(chart, { paths, band, task: state.task, metric: state.metric, harm: state.harm, chosen: state.method,
    onchoose: (method) => go({ method }) });

  let width = 0;
  new ResizeObserver(() => {
    const chart = host.querySelector(".chart");
    if (!chart || chart.clientWidth === width) return;
    width = chart.clientWidth;
    draw(chart, shownPaths());
  }).observe(host);

  address.arrows("explore", (by) => state.request && step(requestRows(), by));

  return { render };
})();
