// Elements, numbers in words, and what leaves the page: the clipboard and files. Text only ever enters as text.

const SVG = "http://www.w3.org/2000/svg";

const fill = (node, properties, children) => {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

const element = (tag, properties = {}, ...children) => fill(document.createElement(tag), properties, children);

const drawing = (tag, properties = {}, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

const button = (text, onclick, properties = {}) => element("button", { type: "button", text, onclick, ...properties });

// What may be wider than its place: the keyboard can scroll it.
const scrolled = (label, ...children) => element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, ...children);

// A menu with its label; `options` are [value, text].
const menu = (label, options, value, onchange) => {
  const select = element("select", {}, ...options.map(([key, text]) => element("option", { value: key, text })));
  select.value = value;
  select.addEventListener("change", () => onchange(select.value));
  return element("label", { text: `${label} ` }, select);
};

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

const mean = (values) => (values && values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);

// About three significant digits; a real minus sign; a dash where there is no number.
const words = (value) => {
  if (!isNumber(value)) return "–";
  if (Number.isInteger(value)) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits).replace(/^-/, /[1-9]/.test(value.toFixed(digits)) ? "−" : "");
};

const percent = (share) => (isNumber(share) ? `${Math.round(100 * share) + 0} %`.replace("-", "−") : "–");

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

const interval = (ends, format = words) =>
  ends.length > 1 ? `${format(ends[0])} [${format(ends[1])}, ${format(ends[2])}]` : format(ends[0]);

const rounded = (p) => String(Number(p.toPrecision(2)));

const probability = (p) => (!isNumber(p) ? "p not known" : p < 0.001 ? "p below 0.001" : `p = ${rounded(p)}`);

// Screen readers say what has changed.
const say = (text) => { document.getElementById("said").textContent = text; };

const copy = async (text, what) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea", { class: "aside" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`${what} copied`);
};

// A button that copies, and says so for a moment.
const copier = (label, text, what) => {
  const made = button(label, () => {
    copy(text(), what);
    made.textContent = "copied";
    setTimeout(() => { made.textContent = label; }, 1200);
  });
  return made;
};

const save = (name, content, type) => {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
