// Film: what the models draw after each step, under one slider. The state of the training is in the address.

const film = (() => {
  const host = document.getElementById("film-view");
  const stored = sprites("film");
  const shown = [...stored.names];
  const DEFAULTS = { show: shown[0] ?? "", task: model.tasks[0], at: "", outline: "yes" };
  let state = { ...DEFAULTS };
  let opened = "";
  let update = () => {};

  const frames = () => stored.of(state.show)?.frames ?? [];
  const id = ({ stage, step }) => `${stage}-${step}`;
  // Without a step in the address, or with one that is unknown, the film stands at its end.
  const position = () => {
    const found = frames().findIndex((frame) => id(frame) === state.at);
    return found < 0 ? frames().length - 1 : found;
  };

  const go = (changes, replace) => address.go("film",
    Object.fromEntries(Object.entries({ ...state, ...changes }).filter(([key, value]) => value !== DEFAULTS[key])), replace);
  const to = (index) => go({ at: index === frames().length - 1 ? "" : id(frames()[index]) }, true);

  const title = (name) => (model.requestOf(name) ? `${name}: ${model.requestOf(name).category} is unlearned` : "the original model learns");
  // The first image is the truth; then follow those of all tasks, frame by frame.
  const image = (index, task) => stored.image(state.show, 1 + index * model.tasks.length + model.tasks.indexOf(task));

  const words_of = ({ stage, step, losses }, index) => {
    const same = losses.every((loss) => loss === losses[0]);
    const loss = !step && losses.every((one) => one === null) ? "before the first step, so without a loss" : same ? `loss ${words(losses[0])}` : "loss below each image";
    return `${stage}, step ${step} (${index + 1} of ${frames().length} snapshots); ${loss}`;
  };

  const controls = () => {
    const outline = element("input", { type: "checkbox", checked: state.outline === "yes", onchange: () => go({ outline: outline.checked ? "yes" : "no" }) });
    return element("div", { class: "controls" },
      menu("Show", shown.map((name) => [name, title(name)]), state.show, (show) => go({ show, at: "" })),
      menu("Task", model.tasks.map((task) => [task, task]), state.task, (task) => go({ task })),
      model.requestOf(state.show) ? element("label", {}, outline, " outline the targets") : null, viewTools("film"));
  };

  // Everything but what the slider changes, and the function that changes that.
  const build = () => {
    const { side, rows } = stored.of(state.show);
    const request = model.requestOf(state.show);
    const boxes = request && state.outline === "yes" ? request.boxes : [];
    const said = element("output", { class: "said-in-words" });
    const slider = element("input", { type: "range", min: 0, max: frames().length - 1, step: 1, "aria-label": "step of the training" });
    slider.addEventListener("input", () => to(Number(slider.value)));
    const tile = (name, kind) => {
      const canvas = element("canvas", { width: side, height: side });
      const made = tiles.frame(canvas, name, boxes, name);
      if (kind) made.className += ` ${kind}`;
      return { name, made, canvas, caption: made.querySelector("figcaption") };
    };
    const drawn = rows.map((name) => tile(name, request ? model.styles.get(name)?.level : ""));
    const truths = request ? [tile("truth")] : rows.map((name) => tile(`${name}, truth`));
    const retrained = element("span", { class: "tile" });
    const strip = element("div", { class: `strip-of-tiles film-tiles${request ? "" : " pairs"}`, role: "group", "aria-label": title(state.show) },
      ...(request ? [truths[0].made, retrained, ...drawn.map(({ made }) => made)] : drawn.flatMap(({ made }, row) => [truths[row].made, made])));
    stored.image(state.show, 0).then((found) => truths.forEach(({ canvas }, row) => paint(canvas, found, row)));
    if (request) tiles.sprite(request.id, ["retrained"]).then((found) => retrained.replaceWith(
      found ? tiles.picture(found, ["retrained", "retrained"], state.task, request, boxes.length > 0) : tiles.absent("retrained")));
    const note = stored.facts.words ? element("p", { class: "note", text: `The images of the film are ${stored.facts.words}.` }) : null;

    update = async () => {
      const index = position();
      const frame = frames()[index];
      slider.value = index;
      slider.setAttribute("aria-valuetext", `${frame.stage}, step ${frame.step}`);
      said.textContent = words_of(frame, index);
      const same = frame.losses.every((loss) => loss === frame.losses[0]);
      drawn.forEach(({ name, canvas, caption }, row) => {
        caption.textContent = same ? name : `${name}: ${words(frame.losses[row])}`;
        canvas.setAttribute("aria-label", `${name}, ${state.task}, ${frame.stage}, step ${frame.step}`);
      });
      const found = await image(index, state.task);
      // The slider may have moved on while the image was decoded.
      if (position() !== index) return;
      drawn.forEach(({ canvas }, row) => paint(canvas, found, frame.places[state.task][row]));
      strip.dataset.painted = id(frame);
    };
    host.replaceChildren(controls(), element("div", { class: "film-control" }, slider, said), strip, note ?? "", missing());
    ahead(state.show, state.task);
  };

  const paint = (canvas, found, place) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (place !== null) context.drawImage(found, 0, canvas.height * place, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
  };

  // The other steps are decoded before one asks for them, one after another.
  const ahead = async (show, task) => {
    for (let index = 0; index < frames().length && state.show === show && state.task === task; index += 1) await image(index, task);
  };

  const missing = () => (stored.facts.missing.length ? element("p", { class: "note", text:
    `The page has no room for the film of ${stored.facts.missing.join(", ")}; the snapshots are beside the models (snapshots.npz).` }) : "");

  const render = (parameters) => {
    if (!shown.length) return host.replaceChildren(element("p", { class: "note", text: "There are no snapshots in this page." }), missing());
    state = { ...DEFAULTS, ...parameters };
    if (!shown.includes(state.show)) state.show = DEFAULTS.show;
    if (!model.tasks.includes(state.task)) state.task = DEFAULTS.task;
    const { show, task, outline } = state;
    if (JSON.stringify([show, task, outline]) !== opened) {
      const focus = document.activeElement?.closest("#film-view") ? pathTo(host, document.activeElement) : null;
      opened = JSON.stringify([show, task, outline]);
      build();
      if (focus) focusAt(host, focus);
    }
    update();
    return undefined;
  };

  address.arrows("film", (by) => to(Math.min(Math.max(position() + by, 0), frames().length - 1)));

  return { render };
})();
