// Images of the models: tiles of one sprite a request, with the targets outlined, and maps of their differences.

const tiles = (() => {
  const facts = JSON.parse(document.getElementById("pictures").textContent);
  const scripts = new Map([...document.querySelectorAll("script[data-sprite]")].map((node) => [node.dataset.sprite, node]));
  const opened = new Map();

  // A sprite is decoded when it is first looked at.
  const sprite = (request) => {
    if (!opened.has(request)) {
      const node = scripts.get(request);
      const found = node ? JSON.parse(node.textContent) : null;
      const image = found ? Object.assign(new Image(), { src: found.uri }) : null;
      opened.set(request, found ? image.decode().then(() => ({ ...found, image })) : Promise.resolve(null));
    }
    return opened.get(request);
  };

  const pixels = ({ rows, side, image }, name, task) => {
    const row = rows.indexOf(name);
    if (row < 0) return null;
    const canvas = element("canvas", { width: side, height: side });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, side * model.tasks.indexOf(task), side * row, side, side, 0, 0, side, side);
    return context;
  };

  // Black, purple, orange, yellow: darker is always less, in every kind of colour vision.
  const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const FULL = 64; // grey levels
  const colour = (difference) => {
    const place = Math.min(difference / FULL, 1) * (STOPS.length - 1);
    const index = Math.min(Math.floor(place), STOPS.length - 2);
    return STOPS[index].map((value, channel) => value + (place - index) * (STOPS[index + 1][channel] - value));
  };

  const difference = (first, second) => {
    const side = first.canvas.width;
    const [a, b] = [first, second].map((context) => context.getImageData(0, 0, side, side).data);
    const map = first.createImageData(side, side);
    let sum = 0;
    for (let at = 0; at < a.length; at += 4) {
      const grey = (Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2])) / 3;
      sum += grey;
      map.data.set([...colour(grey), 255], at);
    }
    const canvas = element("canvas", { width: side, height: side });
    canvas.getContext("2d").putImageData(map, 0, 0);
    return { canvas, mean: sum / (side * side) };
  };

  const outlines = (boxes) => boxes.map(([x0, y0, x1, y1]) => element("span", { class: "box",
    style: `left:${100 * x0}%;top:${100 * y0}%;width:${100 * (x1 - x0)}%;height:${100 * (y1 - y0)}%` }));

  const frame = (canvas, caption, request, outlined, description) => {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", description);
    return element("figure", { class: "tile" }, element("span", { class: "frame" }, canvas, ...(outlined ? outlines(request.boxes) : [])),
      element("figcaption", { text: caption }));
  };

  const absent = (caption) => element("figure", { class: "tile" }, element("span", { class: "frame absent", text: "no image" }), element("figcaption", { text: caption }));

  return {
    facts,
    sprite,
    // A model's image; `names` are [row of the sprite, caption].
    picture: (found, [name, caption], task, request, outlined) => {
      const context = pixels(found, name, task);
      return context ? frame(context.canvas, caption, request, outlined, `${caption}, ${task}, ${request.id}`) : absent(caption);
    },
    map: (found, [first, second], caption, task, request, outlined) => {
      const [a, b] = [first, second].map((name) => pixels(found, name, task));
      if (!a || !b) return absent(caption);
      const made = difference(a, b);
      return frame(made.canvas, `${caption}: ${words(made.mean)}`, request, outlined, `map of the ${caption}, ${task}, mean of the image ${words(made.mean)} grey levels`);
    },
    canvas: (found, name, task) => pixels(found, name, task)?.canvas ?? null,
    outlines,
    legend: () => element("p", { class: "note" }, element("span", { class: "ramp", "aria-hidden": "true" }),
      ` Differences: mean over colours, black 0 to yellow ${FULL} grey levels and more; the number is the mean of the whole image.`
      + (facts.words ? ` The images on this page are ${facts.words}, so the maps are approximate; the tables are not.` : "")),
    missing: (request) => element("p", { class: "note", text: facts.missing.includes(request)
      ? "The images of this request do not fit into the page; they are in the records (outputs.npz)." : "There are no images of this request." }),
  };
})();
