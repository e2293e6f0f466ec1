"""Small folders with Visual Genome's file layout, written from a few lines."""

import json
from pathlib import Path

import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def config(data=None, human=None, requests=None, **top):
    """The demo's configuration with thresholds so low that nothing is dropped unless a test sets others."""
    found = yaml.safe_load((ROOT / "config.yaml").read_text())
    found["data"] |= {
        "source": "local",
        "image_size": 16,
        "min_image_side": 10,
        "min_object_side": 2,
        "min_object_instances": 1,
        "min_attribute_instances": 1,
        "min_predicate_instances": 1,
        "min_objects": 1,
        "min_relationships": 0,
        "split_shares": {"val": 0.0, "test": 0.0},
    } | (data or {})
    found["human"] |= {"size": 1, "heldout": 1} | (human or {})
    found["requests"] |= {"kinds": kinds(), "development": 0} | (requests or {})
    return found | top


def kinds(**counts):
    """Numbers of requests by kind: one object, unless others are named."""
    return dict.fromkeys(("object", "attached", "person", "group"), 0) | (counts or {"object": 1})


def entry(object_id, name, box=(10, 10, 40, 40), **more):
    """One object; `name` may be a list of names."""
    x, y, w, h = box
    names = [name] if isinstance(name, str) else name
    return {"object_id": object_id, "names": names, "x": x, "y": y, "w": w, "h": h} | more


def edge(subject, predicate, other):
    """One relationship between two object ids."""
    return {"predicate": predicate, "subject": {"object_id": subject}, "object": {"object_id": other}}


def write_source(
    folder,
    objects,
    relationships=None,
    attributes=None,
    aliases="",
    predicate_aliases="",
    size=(100, 80),
    photographs=True,
):
    """Write a folder from dictionaries by image id; `attributes` has {object id: [names]} for each image.

    `size` is one for all or a dictionary by image id.
    """
    folder = Path(folder)
    (folder / "images" / "VG_100K").mkdir(parents=True, exist_ok=True)
    images = []
    for image in objects:
        width, height = size[image] if isinstance(size, dict) else size
        url = f"https://example.org/VG_100K/{image}.png"
        images.append({"image_id": image, "width": width, "height": height, "url": url, "coco_id": None})
        if photographs:
            colour = (image % 250, 100, 200)
            Image.new("RGB", (width, height), colour).save(folder / "images" / "VG_100K" / f"{image}.png")
    write(folder, "image_data", images)
    write(folder, "objects", [{"image_id": image, "objects": found} for image, found in objects.items()])
    related = relationships or {}
    write(folder, "relationships", [{"image_id": i, "relationships": related.get(i, [])} for i in objects])
    described = {
        image: [
            {"object_id": key, "attributes": names}
            for key, names in (attributes or {}).get(image, {}).items()
        ]
        for image in objects
    }
    write(
        folder, "attributes", [{"image_id": image, "attributes": found} for image, found in described.items()]
    )
    (folder / "object_alias.txt").write_text(aliases)
    (folder / "relationship_alias.txt").write_text(predicate_aliases)
    return folder


def write(folder, name, content):
    """Write one of the JSON files."""
    (Path(folder) / f"{name}.json").write_text(json.dumps(content))


def no_log(line):
    """Take a line and forget it."""
