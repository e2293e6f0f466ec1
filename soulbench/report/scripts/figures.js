// Figures: enlarged in a dialog, and their vector files, which are kept compressed.

const figures = {
  start: () => {
    const lens = document.getElementById("lens");
    document.querySelectorAll(".zoom").forEach((zoom) => zoom.addEventListener("click", () => {
      const image = lens.querySelector("img");
      image.src = zoom.querySelector("img").src;
      image.alt = zoom.querySelector("img").alt;
      lens.showModal();
    }));
    lens.addEventListener("click", () => lens.close());
    document.querySelectorAll("button[data-vector]").forEach((vector) => vector.addEventListener("click", async () => {
      const packed = Uint8Array.from(atob(document.getElementById(`vector-${vector.dataset.vector}`).textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
      save(`${vector.dataset.vector}.svg`, await new Response(stream).text(), "image/svg+xml");
    }));
  },
};
