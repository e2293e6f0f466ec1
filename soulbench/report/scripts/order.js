// Orders of table rows, and the focus, which a view that is drawn anew gives back.

const collator = new Intl.Collator("en", { numeric: true });

// Empty cells come last in either order.
const compare = (a, b, sign) => {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
  return sign * order;
};

// The way from a host down to a node, as positions among the children.
const pathTo = (host, node) => {
  const path = [];
  for (let at = node; at !== host; at = at.parentNode) path.unshift([...at.parentNode.children].indexOf(at));
  return path;
};

const focusAt = (host, path) => path.reduce((node, index) => node?.children[index], host)?.focus({ preventScroll: true });
