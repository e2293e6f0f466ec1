// Images of the models for a request, with the targets outlined, and maps of their differences.

const tiles = (() => {
  const stored = sprites("pictures");
  const { facts } = stored;

  // Some models' images of a request: only these are decoded. Null if the page has none of the request.
  const sprite = async (request, names) => {
    const found = stored.of(request);
    if (!found) return null;
    const known = [...new Set(names)].filter((name) => found.rows.includes(name));
    const images = await Promise.all(known.map((name) => stored.image(request, found.rows.indexOf(name))));
    return { side: found.side, images: new Map(known.map((name, index) => [name, images[index]])) };
  };

  const pixels = ({ side, images }, name, task) => {
    if (!images.has(name)) return null;
    const context = element("canvas", { width: side, height: side }).getContext("2d", { willReadFrequently: true });
    context.drawImage(images.get(name), side * model.tasks.indexOf(task), 0, side, side, 0, 0, side, side);
    return context;
  };

  // Black, purple, orange, yellow: darker is always less, in every kind of colour vision.
  const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const FULL = 64; // grey levels
  const SHADES = Uint8ClampedArray.from({ length: 3 * (3 * FULL + 1) }, (_, at) => {
    const place = (Math.floor(at / 3) / (3 * FULL)) * (STOPS.length - 1);
    const index = Math.min(Math.floor(place), STOPS.length - 2);
    return STOPS[index][at % 3] + (place - index) * (STOPS[index + 1][at % 3] - STOPS[index][at % 3]);
  });

  const difference = (first, second) => {
    const side = first.canvas.width;
    const [a, b] = [first, second].map((context) => context.getImageData(0, 0, side, side).data);
    const map = first.createImageData(side, side);
    let sum = 0;
    for (let at = 0; at < a.length; at += 4) {
      const three = Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2]);
      const shade = 3 * Math.min(three, 3 * FULL);
      sum += three / 3;
      for (let channel = 0; channel < 3; channel += 1) map.data[at + channel] = SHADES[shade + channel];
      map.data[at + 3] = 255;
    }
    const canvas = element("canvas", { width: side, height: side });
    canvas.getContext("2d").putImageData(map, 0, 0);
    return { canvas, mean: sum / (side * side) };
  };

  const outlines = (boxes) => boxes.map(([x0, y0, x1, y1]) => element("span", { class: "box",
    style: `left:${100 * x0}%;top:${100 * y0}%;width:${100 * (x1 - x0)}%;height:${100 * (y1 - y0)}%` }));

  const frame = (canvas, caption, boxes, description) => {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", description);
    return element("figure", { class: "tile" }, element("span", { class: "frame" }, canvas, ...outlines(boxes)),
      element("figcaption", { text: caption }));
  };

  const absent = (caption) => element("figure", { class: "tile" }, element("span", { class: "frame absent", text: "no image" }), element("figcaption", { text: caption }));

  return {
    facts,
    sprite,
    frame,
    absent,
    // A model's image; `names` are [row of the sprite, caption].
    picture: (found, [name, caption], task, request, outlined) => {
      const context = pixels(found, name, task);
      return context ? frame(context.canvas, caption, outlined ? request.boxes : [], `${caption}, ${task}, ${request.id}`) : absent(caption);
    },
    map: (found, [first, second], caption, task, request, outlined) => {
      const [a, b] = [first, second].map((name) => pixels(found, name, task));
      if (!a || !b) return absent(caption);
      const made = difference(a, b);
      return frame(made.canvas, `${caption}: ${words(made.mean)}`, outlined ? request.boxes : [], `map of the ${caption}, ${task}, mean of the image ${words(made.mean)} grey levels`);
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
