"""The classical preprocessing in its usual form, dictionaries and loops: the reference of the filters."""

import json
from collections import Counter
from pathlib import Path


def read(folder, name):
    return json.loads((Path(folder) / f"{name}.json").read_text())


def aliases(folder, name):
    found = {}
    for line in (Path(folder) / f"{name}_alias.txt").read_text().splitlines():
        terms = [term.strip() for term in line.split(",")]
        for term in terms:
            if term and terms[0]:
                found[term] = terms[0]
    return found


def ranked(counter, least):
    return [
        name
        for name, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        if count >= least
    ]


def preprocess(folder, data, splits):
    """Return the vocabulary and, by split, the numbers of images, objects, relationships and attributes."""
    names, verbs = aliases(folder, "object"), aliases(folder, "relationship")
    size = {image["image_id"]: (image["width"], image["height"]) for image in read(folder, "image_data")}
    splits = {k: [i for i in ids if min(size[i]) >= data["min_image_side"]] for k, ids in splits.items()}
    train, everything = set(splits["train"]), {image for ids in splits.values() for image in ids}
    objects, edges = read(folder, "objects"), read(folder, "relationships")

    counter = Counter()
    for image in objects:
        if image["image_id"] in train:
            for one in image["objects"]:
                counter.update({names.get(name, name) for name in one["names"]})
    vocabulary = {"objects": ranked(counter, data["min_object_instances"])}

    counter = Counter()
    for image in read(folder, "attributes"):
        if image["image_id"] in train:
            for one in image["attributes"]:
                counter.update(set(one.get("attributes") or []))
    vocabulary["attributes"] = ranked(counter, data["min_attribute_instances"])

    kept = {}
    for image in objects:
        if image["image_id"] not in everything:
            continue
        for one in image["objects"]:
            known = [
                n for n in (names.get(name, name) for name in one["names"]) if n in vocabulary["objects"]
            ]
            if known and one["w"] >= data["min_object_side"] and one["h"] >= data["min_object_side"]:
                kept[one["object_id"]] = known[0]

    counter = Counter()
    for image in edges:
        for one in image["relationships"]:
            tidy = one["predicate"].lower().strip()
            tidy = verbs.get(tidy, tidy)
            both = one["subject"]["object_id"] in kept and one["object"]["object_id"] in kept
            if image["image_id"] in train and both:
                counter[tidy] += 1
                one["predicate"] = tidy
            elif data["alias_predicates"] == "all":
                one["predicate"] = tidy
    vocabulary["predicates"] = ranked(counter, data["min_predicate_instances"])

    by_image = {image["image_id"]: image for image in edges}
    objects_of = {image["image_id"]: image for image in objects}
    attributes_of = {
        image["image_id"]: {one["object_id"]: one.get("attributes") or [] for one in image["attributes"]}
        for image in read(folder, "attributes")
    }
    result = {}
    for split, ids in splits.items():
        count = Counter(images=0, objects=0, relationships=0, attributes=0)
        for image in ids:
            here = {one["object_id"] for one in objects_of[image]["objects"] if one["object_id"] in kept}
            found = [
                one
                for one in by_image[image]["relationships"]
                if one["subject"]["object_id"] in here
                and one["object"]["object_id"] in here
                and one["predicate"] in vocabulary["predicates"]
            ]
            if not data["min_objects"] <= len(here) <= data["max_objects"]:
                continue
            if not data["min_relationships"] <= len(found) <= data["max_relationships"]:
                continue
            count.update(images=1, objects=len(here), relationships=len(found))
            for key, names_of in attributes_of[image].items():
                if key in here:
                    known = [name for name in dict.fromkeys(names_of) if name in vocabulary["attributes"]]
                    count["attributes"] += min(len(known), data["max_attributes"])
        result[split] = dict(count)
    return vocabulary, result
