"""The images of docs/page.md, made from the page of a run: python -m docs.page.screenshots results/demo."""

import argparse
import io
import time
from pathlib import Path

from PIL import Image

from tests.unit.browser import browser

#: Image -> the address of the view, and the height of the window.
VIEWS = {
    "answer": ("answer", 1000),
    "explore": ("explore?task=synthesis&method=obj-mk-pa", 1100),
    "request": ("explore?task=synthesis&method=obj-mk-pa&request=r1", 1000),
}
WIDTH, QUALITY = 1000, 80


def main() -> None:
    """Open each view in Chromium and save what is seen as WebP."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results/<name>")
    page = (parser.parse_args().results / "report" / "index.html").resolve()
    for name, (address, height) in VIEWS.items():
        with browser(WIDTH, height) as driver:
            driver.get(f"{page.as_uri()}#{address}")
            while not driver.execute_script("return document.documentElement.dataset.ready === 'yes'"):
                time.sleep(0.1)
            time.sleep(1)  # images are decoded
            shot = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
        out = Path(__file__).with_name(f"{name}.webp")
        shot.save(out, quality=QUALITY, method=6)
        print(f"{out}: {shot.width} x {shot.height}, {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
