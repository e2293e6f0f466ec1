// Images in the page, of one kind: each is read and decoded when it is first looked at.

const sprites = (kind) => {
  const scripts = new Map([...document.querySelectorAll(`script[data-${kind}]`)].map((node) => [node.dataset[kind], node]));
  const read = new Map();
  const decoded = new Map();

  // What is known of the images of a name; null if the page has none.
  const of = (name) => {
    if (!read.has(name)) read.set(name, scripts.has(name) ? JSON.parse(scripts.get(name).textContent) : null);
    return read.get(name);
  };

  return {
    facts: JSON.parse(document.getElementById(`${kind}-facts`).textContent),
    names: [...scripts.keys()],
    of,
    image: (name, index) => {
      const key = `${index} ${name}`;
      if (!decoded.has(key)) {
        const image = Object.assign(new Image(), { src: `data:image/webp;base64,${of(name).images[index]}` });
        decoded.set(key, image.decode().then(() => image));
      }
      return decoded.get(key);
    },
  };
};
