# From a source in the Visual Genome layout to packed scenes, the fine-tuning subset and the requests.
import glob

from soulbench.scenes.download import FILES

# A folder of one's own is read where it lies.
SOURCE = config["data"]["root"] or f"{DATA}/source"
GRAPHS = f"{DATA}/graphs"


def source_files():
    """What the data rules wait for: the drawn folder, the downloads, or the annotations that lie there."""
    if config["data"]["root"] is not None:
        return sorted(glob.glob(f"{SOURCE}/*.json") + glob.glob(f"{SOURCE}/*.txt"))
    if config["data"]["source"] == "demo":
        return [SOURCE]
    return [f"{SOURCE}/{name}.done" for name in FILES]


if config["data"]["source"] == "demo":

    rule world:
        output:
            directory(SOURCE),
        params:
            source=source_hash("soulbench.scenes.world"),
            settings=settings("seed", "data.demo"),
        log:
            f"{RESULTS}/logs/world.log",
        benchmark:
            f"{RESULTS}/benchmarks/world.tsv"
        script:
            "../scripts/world.py"


if config["data"]["source"] == "visual_genome":

    rule download:
        output:
            f"{SOURCE}/{{file}}.done",
        params:
            source=source_hash("soulbench.scenes.download"),
            settings=settings("data.source"),
        log:
            f"{RESULTS}/logs/download/{{file}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/download/{{file}}.tsv"
        retries: 2
        script:
            "../scripts/download.py"


rule vocabulary:
    input:
        source_files(),
    output:
        vocabulary=f"{DATA}/vocabulary.json",
        graphs=directory(GRAPHS),
    params:
        source=source_hash("soulbench.scenes.vocabulary"),
        settings=settings("seed", "data"),
        folder=SOURCE,
    log:
        f"{RESULTS}/logs/vocabulary.log",
    benchmark:
        f"{RESULTS}/benchmarks/vocabulary.tsv"
    script:
        "../scripts/vocabulary.py"


rule pack:
    input:
        source_files(),
        vocabulary=f"{DATA}/vocabulary.json",
        graphs=GRAPHS,
    output:
        directory(f"{DATA}/packed"),
    params:
        source=source_hash("soulbench.scenes.pack"),
        settings=settings("data"),
        folder=SOURCE,
    log:
        f"{RESULTS}/logs/pack.log",
    benchmark:
        f"{RESULTS}/benchmarks/pack.tsv"
    script:
        "../scripts/pack.py"


rule human_filter:
    input:
        config["requests"]["file"] or [],
        graphs=GRAPHS,
        packed=f"{DATA}/packed",
    output:
        human=f"{DATA}/human.csv",
        subset=f"{DATA}/subset.csv",
        summary=f"{DATA}/summary.json",
    params:
        source=source_hash("soulbench.scenes.human"),
        settings=settings("seed", "human", "requests"),
    log:
        f"{RESULTS}/logs/human_filter.log",
    benchmark:
        f"{RESULTS}/benchmarks/human_filter.tsv"
    script:
        "../scripts/human_filter.py"


rule requests:
    input:
        source_files(),
        config["requests"]["file"] or [],
        graphs=GRAPHS,
        packed=f"{DATA}/packed",
        subset=f"{DATA}/subset.csv",
        human=f"{DATA}/human.csv",
    output:
        f"{DATA}/requests.csv",
    params:
        source=source_hash("soulbench.scenes.requests"),
        settings=settings("seed", "data.source", "data.root", "human", "requests"),
        folder=SOURCE,
    log:
        f"{RESULTS}/logs/requests.log",
    benchmark:
        f"{RESULTS}/benchmarks/requests.tsv"
    script:
        "../scripts/requests.py"


rule visual_features:
    input:
        f"{DATA}/packed",
    output:
        f"{DATA}/visual.npy",
    params:
        source=source_hash("soulbench.generator.visual"),
        settings=settings("generator.visual"),
    log:
        f"{RESULTS}/logs/visual_features.log",
    benchmark:
        f"{RESULTS}/benchmarks/visual_features.tsv"
    script:
        "../scripts/visual_features.py"
