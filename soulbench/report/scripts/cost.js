// Cost: what so many requests cost with each method, beside one retraining that leaves all of them out.

const cost = (() => {
  const host = document.getElementById("cost-view");
  const data = JSON.parse(document.getElementById("costs").textContent);
  const DEFAULTS = { requests: String(model.requests.length), once: "no" };
  const MOST = 1000; // requests
  let state = { ...DEFAULTS };

  const go = (changes, replace) => address.go("cost",
    Object.fromEntries(Object.entries({ ...state, ...changes }).filter(([key, value]) => value !== DEFAULTS[key])), replace);

  const shareable = data.methods.some((method) => method.shareable > 0);
  const sharing = () => shareable && state.once === "yes";
  // Seconds of n requests: what all can share is paid for each, or once.
  const after = (number, seconds, shared) => (sharing() ? shared + number * (seconds - shared) : number * seconds);
  const rows = (number) => data.methods.map((method) => ({
    ...method,
    total: method.seconds.map((seconds) => after(number, seconds, method.shareable)),
    pays: sharing() ? method.break_even_shared : method.break_even,
  }));

  const duration = (seconds) => {
    if (!isNumber(seconds)) return "–";
    if (seconds < 120) return `${words(seconds)} s`;
    return seconds < 7200 ? `${words(seconds / 60)} min` : `${words(seconds / 3600)} h`;
  };

  // A dot on a logarithmic axis that all rows share; the line is one retraining.
  const dot = ({ total: [middle, low, high] }, [least, most]) => {
    const [width, height] = [220, 20];
    const x = (value) => 8 + (Math.log(value / least) / (Math.log(most / least) || 1)) * (width - 16);
    return drawing("svg", { class: "bar wide", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
      isNumber(data.retrain) ? drawing("line", { x1: x(data.retrain), x2: x(data.retrain), y1: 0, y2: height, class: "retrained-line" }) : null,
      drawing("line", { x1: x(low), x2: x(high), y1: 10, y2: 10, class: "whisker strong" }),
      drawing("circle", { cx: x(middle), cy: 10, r: 4.5, class: "own" }));
  };

  const sentence = (all, number) => {
    const before = `The original model, which is there with either, took ${duration(data.original)}.`;
    if (!isNumber(data.retrain)) return `Nothing was retrained, so there is nothing to compare with. ${before}`;
    const dearer = all.filter(({ total }) => total[0] > data.retrain).map(({ id }) => id);
    const many = dearer.length === all.length ? "every method" : dearer.join(", ") || "no method";
    return `${counted(number, "request")}, one after another, cost more than one retraining without all of them (${duration(data.retrain)}) with ${many}. ${before}`;
  };

  const table = (all, number) => {
    const ends = [...all.flatMap(({ total }) => total), data.retrain].filter((value) => isNumber(value) && value > 0);
    const range = [Math.min(...ends), Math.max(...ends)];
    const heads = ["Method", "One request", ...(shareable ? ["of it, shareable"] : []), "Relative to retraining", "Retraining pays from", `${counted(number, "request")}`, `${duration(range[0])} to ${duration(range[1])}, logarithmic`];
    return scrolled("costs", element("table", { class: "plain costs" },
      element("thead", {}, element("tr", {}, ...heads.map((text) => element("th", { scope: "col", text })))),
      element("tbody", {}, ...all.map((row) => {
        const dear = isNumber(data.retrain) && row.total[0] > data.retrain;
        return element("tr", { class: row.level },
          element("th", { scope: "row", class: "of-level", text: row.id }),
          element("td", { class: "num" }, `${duration(row.seconds[0])} `, row.jobs > 1 ? element("small", { text: `[${duration(row.seconds[1])}, ${duration(row.seconds[2])}]` }) : null),
          shareable ? element("td", { class: "num", text: row.shareable ? duration(row.shareable) : "–" }) : null,
          element("td", { class: "num", text: isNumber(row.ratio) ? (row.ratio < 0.4 ? `1/${Math.round(1 / row.ratio)}` : `${words(row.ratio)} ×`) : "–" }),
          element("td", { class: "num", text: isNumber(row.pays) ? counted(row.pays, "request") : "–" }),
          element("td", { class: `num ${dear ? "hurt" : ""}`, text: `${duration(row.total[0])}${dear ? " ✗ dearer" : ""}` }),
          element("td", {}, dot(row, range)));
      }))));
  };

  const render = (parameters) => {
    const focus = document.activeElement?.closest("#cost-view") ? pathTo(host, document.activeElement) : null;
    state = { ...DEFAULTS, ...parameters };
    const number = Math.min(Math.max(Math.round(Number(state.requests)) || 1, 1), MOST);
    const field = element("input", { type: "number", min: 1, max: MOST, value: number });
    field.addEventListener("change", () => go({ requests: field.value }));
    const all = rows(number);
    host.replaceChildren(
      element("div", { class: "controls" }, element("label", { text: "Requests " }, field),
        shareable ? menu("What requests can share", [["no", "paid by each, as measured"], ["yes", "paid once"]], state.once, (once) => go({ once })) : null, viewTools("cost")),
      element("p", { class: "said-in-words", text: sentence(all, number) }), table(all, number),
      element("p", { class: "note", text: `Dashed: one retraining. Bars: from the quickest to the slowest job.${shareable ? " Shareable: the Fisher information of the retained images, which every request computes here and a service would compute once." : ""}` }));
    if (focus) focusAt(host, focus);
  };

  return { render };
})();
