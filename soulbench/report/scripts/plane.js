// The plane of forgetting against harm: points with intervals, paths over budgets, the band of the retrained models.

const plane = (host, { paths, band, task, metric, harm, chosen, onchoose }) => {
  const width = Math.max(300, host.clientWidth || 640);
  const height = Math.round(Math.min(560, Math.max(340, 0.62 * width)));
  const edge = { left: 62, right: 24, top: 14, bottom: 46 };
  const negligible = model.negligible[metric] ?? 0.05;
  const marks = Object.entries(paths).flatMap(([name, points]) => points.map((point) => ({ name, ...point })));
  const shares = marks.flatMap(({ forgotten }) => forgotten);
  const harms = marks.flatMap((point) => point.harm[harm]);
  const x = scale([0, 1, 1 + (band ?? 0), 1 - (band ?? 0), ...shares], 2, edge.left, width - edge.right);
  const y = scale([0, negligible, ...harms], 2 * negligible, height - edge.bottom, edge.top);
  const inside = (value, from, to) => Math.min(Math.max(value, from), to);
  const label = `Forgetting against harm, ${task}: ${Object.keys(paths).length} methods`;
  const chart = drawing("svg", { class: chosen ? "plane one-chosen" : "plane", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": label });

  const line = (x1, y1, x2, y2, kind) => drawing("line", { x1, y1, x2, y2, class: kind });
  const write = (text, at, properties) => drawing("text", { x: at[0], y: at[1], text, ...properties });
  const [top, bottom] = [edge.top, height - edge.bottom];
  if (isNumber(band)) {
    const [from, to] = [1 - band, 1 + band].map((share) => inside(x(share), edge.left, width - edge.right));
    chart.append(drawing("rect", { x: from, y: top, width: to - from, height: bottom - top, class: "band" }));
  }
  for (const tick of ticks(x, 44, [1, 2, 0.5, 1.5, -1, 4, 8, 16, 32, -2, -4])) {
    chart.append(line(x(tick), top, x(tick), bottom, "rule"), write(percent(tick), [x(tick), bottom + 16], { class: "tick middle" }));
  }
  for (const tick of ticks(y, 24)) {
    chart.append(line(edge.left, y(tick), width - edge.right, y(tick), "rule"), write(words(tick), [edge.left - 6, y(tick) + 4], { class: "tick end" }));
  }
  chart.append(
    line(x(0), top, x(0), bottom, "original-line"), line(x(1), top, x(1), bottom, "retrained-line"),
    line(edge.left, y(negligible), width - edge.right, y(negligible), "negligible-line"),
    write("original", [x(0) + 4, top + 11], { class: "tick" }), write("retrained", [x(1) + 4, top + 11], { class: "tick retrained-name" }),
    write("forgotten: share of the way from the original to the retrained models", [(edge.left + width) / 2, height - 8], { class: "tick middle", textLength: width < 460 ? width - edge.left - 8 : null, lengthAdjust: "spacingAndGlyphs" }),
    drawing("text", { class: "tick middle", transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`, text: `harm: ${harm} beyond noop-ft (${model.metricOf.get(metric).similarity ? "1 − SSIM" : model.metricName(metric)})` }));

  const places = [];
  for (const [name, points] of Object.entries(paths)) {
    const { level } = model.styles.get(name);
    const group = drawing("g", { class: `method ${level}${name === chosen ? " chosen" : ""}` });
    const described = points.find(({ budget }) => budget === model.methodOf.get(name).described) ?? points.at(-1);
    const at = (point) => [x(point.forgotten[0]), y(point.harm[harm][0])];
    const drawn = points.filter((point) => isNumber(point.harm[harm][0]));
    if (drawn.length > 1) {
      // Without any budget a model is the original: nothing is forgotten, and nothing harmed.
      const corners = [[x(0), y(0)], ...drawn.map(at)];
      group.append(drawing("polyline", { points: corners.map((corner) => corner.join()).join(" "), class: "path" }));
    }
    for (const point of drawn) {
      const [px, py] = at(point);
      const [, low, high] = point.forgotten;
      const [, under, over] = point.harm[harm];
      if (isNumber(low)) group.append(line(x(low), py, x(high), py, "whisker"));
      if (isNumber(under)) group.append(line(px, y(under), px, y(over), "whisker"));
      const main = point === described;
      const budget = points.length > 1 && point.budget !== null ? ` at a budget of ${words(point.budget)}` : "";
      const text = `${name}${budget}: forgotten ${interval(point.forgotten, percent)}; harm ${interval(point.harm[harm])} ${model.unit(metric)}; ${counted(point.n, "request")}`;
      const mark = symbol(name, { class: `mark${isNumber(low) ? "" : " hollow"}`, transform: `translate(${px} ${py})${main ? "" : " scale(.6)"}` });
      const target = drawing("g", { class: "point", role: main ? "button" : "img", tabindex: main ? 0 : null, "aria-label": text, "aria-pressed": main ? String(name === chosen) : null, "data-method": name },
        drawing("title", { text }), drawing("circle", { cx: px, cy: py, r: 13, class: "reach" }), mark);
      target.addEventListener("click", () => onchoose(name));
      target.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        onchoose(name);
      });
      group.append(target);
      if (main) places.push({ name, x: px, y: py, level });
    }
    chart.append(group);
  }
  placeNames(places, width, height - edge.bottom).forEach((place, index) => {
    if (place) chart.append(write(places[index].name, [place.x, place.y], { class: `name ${place.anchor}`, "aria-hidden": "true" }));
  });
  host.replaceChildren(chart);
};
