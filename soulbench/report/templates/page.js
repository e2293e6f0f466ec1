"use strict";
(() => {
  const SHOWN = 200;

  // Empty cells come last in either order.
  const compare = (a, b, sign) => {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" && typeof b === "number"
      ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return sign * order;
  };

  const element = (tag, text, properties) => Object.assign(document.createElement(tag), { textContent: text, ...properties });

  const buildTable = (host) => {
    const { columns, rows } = JSON.parse(host.nextElementSibling.textContent);
    const start = JSON.parse(host.dataset.start);
    const state = { column: null, sign: 1, filters: { ...start }, text: "", all: false };
    const controls = element("div", "", { className: "controls" });
    const count = element("span", "", { className: "note" });
    const showAll = element("button", "show all", { type: "button" });
    const body = document.createElement("tbody");
    const heads = columns.map((name, index) => {
      const head = element("th", "", { scope: "col" });
      const button = element("button", name.replaceAll("_", " "), { type: "button", className: "sort" });
      button.addEventListener("click", () => {
        state.sign = state.column === index ? -state.sign : 1;
        state.column = index;
        render();
      });
      head.append(button);
      return head;
    });

    const render = () => {
      let matching = rows.filter((row) =>
        Object.entries(state.filters).every(([name, value]) => !value || String(row[columns.indexOf(name)]) === value)
        && (!state.text || row.some((cell) => String(cell).toLowerCase().includes(state.text))));
      if (state.column !== null) matching = [...matching].sort((a, b) => compare(a[state.column], b[state.column], state.sign));
      heads.forEach((head, index) => {
        const sorted = state.column === index ? (state.sign > 0 ? "ascending" : "descending") : "none";
        head.setAttribute("aria-sort", sorted);
      });
      const shown = state.all ? matching : matching.slice(0, SHOWN);
      body.replaceChildren(...shown.map((row) => {
        const tr = document.createElement("tr");
        tr.append(...row.map((cell) => element("td", cell === null ? "–" : String(cell).replace(/^-/, "−"),
          { className: typeof cell === "number" ? "num" : "" })));
        return tr;
      }));
      count.textContent = `${shown.length} of ${matching.length} rows`;
      showAll.hidden = shown.length === matching.length;
    };

    columns.forEach((name, index) => {
      const values = [...new Set(rows.map((row) => row[index]))];
      if (values.length < 2 || values.length > 40 || values.some((value) => typeof value === "number")) return;
      const label = element("label", `${name.replaceAll("_", " ")} `);
      const select = document.createElement("select");
      select.append(element("option", "all", { value: "" }),
        ...values.filter((value) => value !== null).map((value) => element("option", String(value), { value: String(value) })));
      select.value = start[name] ?? "";
      select.addEventListener("change", () => { state.filters[name] = select.value; render(); });
      label.append(select);
      controls.append(label);
    });
    const search = element("input", "", { type: "search", placeholder: "search", ariaLabel: "search" });
    search.addEventListener("input", () => { state.text = search.value.toLowerCase(); render(); });
    showAll.addEventListener("click", () => { state.all = true; render(); });
    controls.append(search, count, showAll);

    const table = document.createElement("table");
    const head = document.createElement("thead");
    const headRow = document.createElement("tr");
    headRow.append(...heads);
    head.append(headRow);
    table.append(head, body);
    const scroll = element("div", "", { className: "scroll" });
    scroll.append(table);
    host.replaceChildren(controls, scroll);
    render();
  };

  // A closed table is built when it is opened for the first time.
  document.querySelectorAll(".grid").forEach((host) => {
    const details = host.closest("details");
    if (details.open) buildTable(host);
    else details.addEventListener("toggle", () => buildTable(host), { once: true });
  });

  const lens = document.getElementById("lens");
  document.querySelectorAll(".zoom").forEach((button) => button.addEventListener("click", () => {
    const image = lens.querySelector("img");
    image.src = button.querySelector("img").src;
    image.alt = button.querySelector("img").alt;
    lens.showModal();
  }));
  lens.addEventListener("click", () => lens.close());
})();
