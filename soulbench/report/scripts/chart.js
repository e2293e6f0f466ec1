// Scales, axes, symbols and labels of a chart.

// Linear around 0, logarithmic beyond `linear`: a destroyed model is far away.
const bent = (linear) => (value) => {
  const size = Math.abs(value);
  return Math.sign(value) * (size <= linear ? size / linear : 1 + Math.log10(size / linear) / 1.2);
};

const scale = (values, linear, from, to) => {
  const bend = bent(linear);
  const known = values.filter(isNumber).map(bend);
  let [low, high] = [Math.min(...known), Math.max(...known)];
  const margin = 0.06 * (high - low || 1);
  [low, high] = [low - margin, high + margin];
  const place = (value) => from + ((bend(value) - low) / (high - low)) * (to - from);
  return Object.assign(place, { holds: (value) => bend(value) >= low && bend(value) <= high });
};

// Round numbers that the scale holds, none nearer to its neighbour than `gap` pixels; `first` are placed before others.
const ROUND = [-4, -3, -2, -1, 0, 1, 2, 3].flatMap((power) => [1, 2, 5].map((digit) => Number((digit * 10 ** power).toPrecision(1))));
const ticks = (place, gap, first = []) => {
  const chosen = [];
  for (const tick of [0, ...first, ...ROUND.toReversed().flatMap((step) => [step, -step])]) {
    if (place.holds(tick) && chosen.every((other) => Math.abs(place(other) - place(tick)) >= gap)) chosen.push(tick);
  }
  return chosen;
};

const polygon = (corners, radius, turn = 0, inner = radius) => {
  const points = Array.from({ length: corners }, (_, index) => {
    const angle = turn + (2 * Math.PI * index) / corners - Math.PI / 2;
    const reach = index % 2 ? inner : radius;
    return `${(reach * Math.cos(angle)).toFixed(2)},${(reach * Math.sin(angle)).toFixed(2)}`;
  });
  return `M${points.join("L")}Z`;
};
const SYMBOLS = [
  "M5,0A5,5 0 1 1 -5,0A5,5 0 1 1 5,0Z",
  polygon(4, 6.2, Math.PI / 4),
  polygon(3, 6.5),
  polygon(4, 6.5),
  polygon(3, 6.5, Math.PI),
  polygon(10, 7, 0, 3),
  "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  polygon(5, 6.2),
  polygon(6, 6),
  polygon(3, 6.5, Math.PI / 2),
  polygon(3, 6.5, -Math.PI / 2),
  polygon(8, 7.2, 0, 2.6),
  polygon(8, 6.2),
  polygon(12, 7, 0, 4),
];

const symbol = (method, properties = {}) => {
  const style = model.styles.get(method);
  return drawing("path", { d: SYMBOLS[style.symbol % SYMBOLS.length], ...properties });
};

const keySymbol = (method) =>
  drawing("svg", { class: `key ${model.styles.get(method).level}`, viewBox: "-8 -8 16 16", width: 16, height: 16, "aria-hidden": "true" }, symbol(method));

// Places names beside their points, so that no two texts overlap; a name without a free place is left out.
const placeNames = (points, width, height) => {
  const taken = points.map(({ x, y }) => [x - 6, y - 6, x + 6, y + 6]);
  const free = (box) => box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height
    && taken.every((other) => box[2] <= other[0] || box[0] >= other[2] || box[3] <= other[1] || box[1] >= other[3]);
  return points.map(({ x, y, name }) => {
    const long = 6.6 * name.length;
    const places = [[x + 10, y - 7], [x - 10 - long, y - 7, "end"], [x - long / 2, y - 23, "middle"], [x - long / 2, y + 9, "middle"],
      [x + 8, y - 20], [x + 8, y + 6], [x - 8 - long, y - 20, "end"], [x - 8 - long, y + 6, "end"]];
    const place = places.find(([left, top]) => free([left, top, left + long, top + 14]));
    if (!place) return null;
    const [left, top, anchor = "start"] = place;
    taken.push([left, top, left + long, top + 14]);
    return { x: left + { start: 0, middle: long / 2, end: long }[anchor], y: top + 11, anchor };
  });
};
