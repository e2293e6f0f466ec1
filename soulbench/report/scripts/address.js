// The state of the page is in its address after `#`: `#view?key=value&...`. An opened address shows what it says; a choice
// writes it, so that back and forward work.

const address = (() => {
  const views = {};

  const read = () => {
    const [view, query = ""] = location.hash.slice(1).split("?");
    return { view, parameters: Object.fromEntries(new URLSearchParams(query)) };
  };

  // A view may return the element that is to be seen; without one, it is the view's section.
  const show = () => {
    const { view, parameters } = read();
    if (!location.hash) Object.values(views).forEach((render) => render({}));
    return views[view] ? views[view](parameters) ?? document.getElementById(view) : null;
  };

  const text = (view, parameters) => {
    const kept = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    return `#${view}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`;
  };

  return {
    read,
    // A view is a function of the parameters of its address.
    register: (view, render) => { views[view] = render; },
    // `replace` is for what changes continuously, such as a text that is being typed: one step back undoes all of it.
    go: (view, parameters, replace = false) => {
      history[replace ? "replaceState" : "pushState"](null, "", text(view, parameters));
      show();
    },
    link: text,
    here: () => location.href,
    // The arrow keys left and right step through a view that the address shows, unless they are used where the focus is.
    arrows: (view, step) => addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const used = event.altKey || event.ctrlKey || event.metaKey || event.target.matches?.(".scroll") || event.target.closest?.("select, input, textarea, dialog");
      if (!by || used || read().view !== view) return;
      event.preventDefault();
      step(by);
    }),
    start: () => {
      const arrive = () => show()?.scrollIntoView({ behavior: "instant" });
      addEventListener("hashchange", arrive);
      // The views have moved what an address without one leads to, too.
      const arrived = location.hash ? show() ?? document.getElementById(read().view) : null;
      arrived?.scrollIntoView({ behavior: "instant" });
    },
  };
})();

// What every view has above it: a link to exactly this view, and the way back to how it opens.
const viewTools = (view) => element("span", { class: "tools" },
  copier("Copy link", address.here, "Link to this view"),
  button("Reset", () => address.go(view, {})));
