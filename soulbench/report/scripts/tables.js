// The tables: sorted, filtered by column, with columns hidden, copied as CSV, Markdown and LaTeX.

const tables = (() => {
  const SHOWN = 50; // rows, so that a filter answers while one types
  const made = new Map();

  const cellText = (cell) => (cell === null ? "" : String(cell));
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const SPECIAL = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  const latex = (text) => text.replace(/[\\~^]|[&%$#_{}]/g, (sign) => SPECIAL[sign] ?? `\\${sign}`);

  const FORMATS = {
    CSV: (heads, rows) => [heads, ...rows].map((row) => row.map((cell) => quoted(cellText(cell))).join(",")).join("\n") + "\n",
    Markdown: (heads, rows) => [heads, heads.map(() => "---"), ...rows]
      .map((row) => `| ${row.map((cell) => cellText(cell).replaceAll("|", "\\|")).join(" | ")} |`).join("\n") + "\n",
    LaTeX: (heads, rows) => ["\\begin{tabular}{" + heads.map((_, index) => (rows.some((row) => typeof row[index] === "number") ? "r" : "l")).join("") + "}", "\\toprule",
      `${heads.map(latex).join(" & ")} \\\\`, "\\midrule", ...rows.map((row) => `${row.map((cell) => latex(cellText(cell))).join(" & ")} \\\\`), "\\bottomrule", "\\end{tabular}"].join("\n") + "\n",
  };

  // `> 2`, `<= 0.5` or a part of the text.
  const matcher = (wanted) => {
    const found = wanted.match(/^\s*(<=|>=|<|>|=)\s*(-?[\d.]+(?:e-?\d+)?)\s*$/i);
    if (!found) return (cell) => cellText(cell).toLowerCase().includes(wanted.trim().toLowerCase());
    const number = Number(found[2]);
    return (cell) => typeof cell === "number" && { "<": cell < number, ">": cell > number, "<=": cell <= number, ">=": cell >= number, "=": cell === number }[found[1]];
  };

  // Thousands of cells are made while one types, hence without the helpers.
  const tableRow = (row, kept) => {
    const made = document.createElement("tr");
    for (const index of kept) {
      const cell = document.createElement("td");
      cell.textContent = row[index] === null ? "–" : String(row[index]).replace(/^-/, "−");
      if (typeof row[index] === "number") cell.className = "num";
      made.append(cell);
    }
    return made;
  };

  const build = (host) => {
    const name = host.id.replace("grid-", "");
    const { columns, rows } = JSON.parse(host.nextElementSibling.textContent);
    const start = JSON.parse(host.dataset.start);
    const few = columns.map((_, index) => {
      const values = [...new Set(rows.map((row) => row[index]))];
      return values.length > 1 && values.length <= 40 && !values.some((value) => typeof value === "number") ? values.filter((value) => value !== null) : null;
    });
    const opening = { sort: "", order: "up", find: "", hide: "", all: "", ...Object.fromEntries(Object.entries(start).map(([column, value]) => [`is.${column}`, value])) };
    let state = { ...opening };

    const go = (changes, replace) => {
      state = { ...state, ...changes };
      address.go("tables", { table: name, ...state }, replace);
    };

    const count = element("span", { class: "note" });
    const showAll = button("show all", () => go({ all: "yes" }));
    const body = element("tbody");
    const inputs = {};
    const search = element("input", { type: "search", placeholder: "search", "aria-label": `search ${name}` });
    search.addEventListener("input", () => go({ find: search.value }, true));
    const boxes = columns.map((column) => {
      const input = element("input", { type: "checkbox", onchange: () => {
        const hidden = new Set(state.hide.split(",").filter(Boolean));
        hidden[input.checked ? "delete" : "add"](column);
        go({ hide: [...hidden].join(",") });
      } });
      return input;
    });
    const heads = columns.map((column, index) => element("th", { scope: "col" }, button(column.replaceAll("_", " "), () =>
      go({ sort: column, order: state.sort === column && state.order === "up" ? "down" : "up" }), { class: "sort" })));
    const filters = columns.map((column, index) => {
      const words = column.replaceAll("_", " ");
      if (few[index]) {
        const select = element("select", { "aria-label": `only ${words}` }, element("option", { value: "", text: "all" }),
          ...few[index].map((value) => element("option", { value: String(value), text: String(value) })));
        select.addEventListener("change", () => go({ [`is.${column}`]: select.value }));
        inputs[`is.${column}`] = select;
        return element("td", {}, select);
      }
      const input = element("input", { type: "text", size: 6, placeholder: rows.some((row) => typeof row[index] === "number") ? "> 0" : "text", "aria-label": `filter ${words}` });
      input.addEventListener("input", () => go({ [`has.${column}`]: input.value }, true));
      inputs[`has.${column}`] = input;
      return element("td", {}, input);
    });

    // Every row as one text, made when one searches for the first time.
    let texts = null;
    const searched = () => (texts ??= rows.map((row) => row.map(cellText).join("\n").toLowerCase()));

    const matching = () => {
      const tests = columns.flatMap((column, index) => [
        ...(state[`is.${column}`] ? [(row) => String(row[index]) === state[`is.${column}`]] : []),
        ...(state[`has.${column}`] ? [((test) => (row) => test(row[index]))(matcher(state[`has.${column}`]))] : []),
      ]);
      const text = state.find.toLowerCase();
      const found = rows.filter((row, index) => tests.every((test) => test(row)) && (!text || searched()[index].includes(text)));
      const column = columns.indexOf(state.sort);
      return column < 0 ? found : found.sort((a, b) => compare(a[column], b[column], state.order === "down" ? -1 : 1));
    };

    const visible = () => {
      const hidden = new Set(state.hide.split(","));
      return columns.map((column, index) => index).filter((index) => !hidden.has(columns[index]));
    };
    const asText = (format) => {
      const kept = visible();
      return FORMATS[format](kept.map((index) => columns[index]), matching().map((row) => kept.map((index) => row[index])));
    };

    const render = (parameters) => {
      state = parameters ? { sort: "", order: "up", find: "", hide: "", all: "", ...parameters } : { ...opening };
      const found = matching();
      const kept = visible();
      for (const cells of [heads, filters]) cells.forEach((cell, index) => { cell.hidden = !kept.includes(index); });
      boxes.forEach((input, index) => { input.checked = kept.includes(index); });
      heads.forEach((head, index) => head.setAttribute("aria-sort", state.sort === columns[index] ? (state.order === "down" ? "descending" : "ascending") : "none"));
      for (const [key, input] of Object.entries(inputs)) if (input.value !== (state[key] ?? "")) input.value = state[key] ?? "";
      if (search.value !== state.find) search.value = state.find;
      const shown = state.all ? found : found.slice(0, SHOWN);
      body.replaceChildren(...shown.map((row) => tableRow(row, kept)));
      count.textContent = `${shown.length} of ${found.length} rows`;
      showAll.hidden = shown.length === found.length;
    };

    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads), element("tr", { class: "filters" }, ...filters)), body);
    host.replaceChildren(
      element("div", { class: "controls" }, search, count, showAll,
        element("details", { class: "columns" }, element("summary", { text: "columns" }), ...boxes.map((input, index) => element("label", {}, input, ` ${columns[index].replaceAll("_", " ")}`))),
        element("span", { class: "tools" }, ...Object.keys(FORMATS).map((format) => copier(`Copy ${format}`, () => asText(format), `${name} as ${format}`)),
          button("Save CSV", () => save(`${name}.csv`, asText("CSV"), "text/csv")),
          copier("Copy link", () => `${location.href.split("#")[0]}${address.link("tables", { table: name, ...state })}`, "Link to this table"),
          button("Reset", () => go({ ...Object.fromEntries(Object.keys(state).map((key) => [key, ""])), ...opening })))),
      scrolled(`table ${name}`, table));
    render(null);
    return { render };
  };

  // A table is built when it is first opened.
  const open = (host) => {
    if (!made.has(host)) made.set(host, build(host));
    return made.get(host);
  };

  return {
    start: () => document.querySelectorAll(".grid").forEach((host) => {
      const details = host.closest("details");
      details.addEventListener("toggle", () => { if (details.open) open(host); });
      if (details.open) open(host);
    }),
    render: ({ table, ...parameters }) => {
      const host = table ? document.getElementById(`grid-${table}`) : null;
      if (!host) {
        made.forEach((grid) => grid.render(null));
        return null;
      }
      host.closest("details").open = true;
      open(host).render(Object.keys(parameters).length ? parameters : null);
      return host.closest("details");
    },
  };
})();
