"use strict";
(() => {
  const SHOWN = 200;

  // Empty cells stay last whichever way one sorts.
  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number"
      ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return sign * order;
  };

  const element = (tag, text, more) => Object.assign(document.createElement(tag), { textContent: text, ...more });

  const build = (host) => {
    const { columns, rows } = JSON.parse(host.nextElementSibling.textContent);
    const start = JSON.parse(host.dataset.start);
    const state = { column: null, sign: 1, filters: { ...start }, text: "", all: false };
    const tools = element("div", "", { className: "tools" });
    const count = element("span", "", { className: "note" });
    const more = element("button", "show all", { type: "button" });
    const body = document.createElement("tbody");
    const heads = columns.map((name, index) => {
      const head = element("th", "", { scope: "col" });
      const button = element("button", name.replaceAll("_", " "), { type: "button", className: "sort" });
      button.addEventListener("click", () => {
        state.sign = state.column === index ? -state.sign : 1;
        state.column = index;
        draw();
      });
      head.append(button);
      return head;
    });

    const draw = () => {
      let kept = rows.filter((row) =>
        Object.entries(state.filters).every(([name, value]) => !value || String(row[columns.indexOf(name)]) === value)
        && (!state.text || row.some((cell) => String(cell).toLowerCase().includes(state.text))));
      if (state.column !== null) kept = [...kept].sort((a, b) => compare(a[state.column], b[state.column], state.sign));
      heads.forEach((head, index) => {
        const sorted = state.column === index ? (state.sign > 0 ? "ascending" : "descending") : "none";
        head.setAttribute("aria-sort", sorted);
      });
      const shown = state.all ? kept : kept.slice(0, SHOWN);
      body.replaceChildren(...shown.map((row) => {
        const line = document.createElement("tr");
        line.append(...row.map((cell) => element("td", cell === null ? "–" : String(cell).replace(/^-/, "−"),
          { className: typeof cell === "number" ? "num" : "" })));
        return line;
      }));
      count.textContent = `${shown.length} of ${kept.length} rows`;
      more.hidden = shown.length === kept.length;
    };

    columns.forEach((name, index) => {
      const values = [...new Set(rows.map((row) => row[index]))];
      if (values.length < 2 || values.length > 40 || values.some((value) => typeof value === "number")) return;
      const label = element("label", `${name.replaceAll("_", " ")} `);
      const select = document.createElement("select");
      select.append(element("option", "all", { value: "" }),
        ...values.filter((value) => value !== null).map((value) => element("option", String(value), { value: String(value) })));
      select.value = start[name] ?? "";
      select.addEventListener("change", () => { state.filters[name] = select.value; draw(); });
      label.append(select);
      tools.append(label);
    });
    const search = element("input", "", { type: "search", placeholder: "search", ariaLabel: "search" });
    search.addEventListener("input", () => { state.text = search.value.toLowerCase(); draw(); });
    more.addEventListener("click", () => { state.all = true; draw(); });
    tools.append(search, count, more);

    const table = document.createElement("table");
    const top = document.createElement("thead");
    const line = document.createElement("tr");
    line.append(...heads);
    top.append(line);
    table.append(top, body);
    const scroll = element("div", "", { className: "scroll" });
    scroll.append(table);
    host.replaceChildren(tools, scroll);
    draw();
  };

  // A closed table is built when it is first opened.
  document.querySelectorAll(".grid").forEach((host) => {
    const details = host.closest("details");
    if (details.open) build(host);
    else details.addEventListener("toggle", () => build(host), { once: true });
  });

  const lens = document.getElementById("lens");
  document.querySelectorAll(".zoom").forEach((button) => button.addEventListener("click", () => {
    const picture = lens.querySelector("img");
    picture.src = button.querySelector("img").src;
    picture.alt = button.querySelector("img").alt;
    lens.showModal();
  }));
  lens.addEventListener("click", () => lens.close());
})();
