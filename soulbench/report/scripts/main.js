// The page is read from its HTML; the views follow right after it is painted.

requestAnimationFrame(() => setTimeout(() => {
  figures.start();
  document.querySelectorAll("button[data-copy]").forEach((made) => made.replaceWith(
    copier(made.textContent, () => document.getElementById(made.dataset.copy).textContent, made.dataset.copy)));
  tables.start();
  for (const [name, { render }] of Object.entries({ explore, compare: comparison, film, cost, tables })) {
    address.register(name, render);
    render({});
  }
  address.start();
  document.documentElement.dataset.ready = "yes";
}, 0));
