// The page is read from its HTML; the views follow right after it is painted.

requestAnimationFrame(() => setTimeout(() => {
  figures.start();
  explore.render({});
  comparison.render({});
  tables.start();
  address.register("explore", explore.render);
  address.register("compare", comparison.render);
  address.register("tables", tables.render);
  address.start();
  document.documentElement.dataset.ready = "yes";
}, 0));
