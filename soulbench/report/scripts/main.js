// The page is read from its HTML; the views follow right after it is painted.

requestAnimationFrame(() => setTimeout(() => {
  figures.start();
  document.querySelectorAll("button[data-copy]").forEach((made) => made.replaceWith(
    copier(made.textContent, () => document.getElementById(made.dataset.copy).textContent, made.dataset.copy)));
  explore.render({});
  comparison.render({});
  tables.start();
  address.register("explore", explore.render);
  address.register("compare", comparison.render);
  address.register("tables", tables.render);
  address.start();
  document.documentElement.dataset.ready = "yes";
}, 0));
