# From a source in the Visual Genome layout to packed scenes, the fine-tuning subset and the requests.
import glob

from soulbench.data.prepare.download import FILES

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
        log:
            f"{RESULTS}/logs/world.log",
        benchmark:
            f"{RESULTS}/benchmarks/world.tsv"
        params:
            source=source_hash("soulbench.data.demo.dataset"),
            settings=settings("seed", "data.demo"),
        script:
            "../scripts/world.py"


if config["data"]["source"] == "visual_genome":

    rule download:
        output:
            f"{SOURCE}/{{file}}.done",
        log:
            f"{RESULTS}/logs/download/{{file}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/download/{{file}}.tsv"
        retries: 2
        params:
            source=source_hash("soulbench.data.prepare.download"),
            settings=settings("data.source"),
        script:
            "../scripts/download.py"


rule vocabulary:
    input:
        source_files(),
    output:
        vocabulary=f"{DATA}/vocabulary.json",
        graphs=directory(GRAPHS),
    log:
        f"{RESULTS}/logs/vocabulary.log",
    benchmark:
        f"{RESULTS}/benchmarks/vocabulary.tsv"
    params:
        source=source_hash("soulbench.data.prepare.vocabulary"),
        settings=settings("seed", "data"),
        folder=SOURCE,
    script:
        "../scripts/vocabulary.py"


rule pack:
    input:
        source_files(),
        vocabulary=f"{DATA}/vocabulary.json",
        graphs=GRAPHS,
    output:
        directory(f"{DATA}/packed"),
    log:
        f"{RESULTS}/logs/pack.log",
    benchmark:
        f"{RESULTS}/benchmarks/pack.tsv"
    params:
        source=source_hash("soulbench.data.prepare.pack"),
        settings=settings("data"),
        folder=SOURCE,
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
    log:
        f"{RESULTS}/logs/human_filter.log",
    benchmark:
        f"{RESULTS}/benchmarks/human_filter.tsv"
    params:
        source=source_hash("soulbench.data.prepare.human"),
        settings=settings("seed", "human", "requests"),
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
    log:
        f"{RESULTS}/logs/requests.log",
    benchmark:
        f"{RESULTS}/benchmarks/requests.tsv"
    params:
        source=source_hash("soulbench.data.requests.choose"),
        settings=settings("seed", "data.source", "data.root", "human", "requests"),
        folder=SOURCE,
    script:
        "../scripts/requests.py"


rule visual_features:
    input:
        f"{DATA}/packed",
    output:
        f"{DATA}/visual.npy",
    log:
        f"{RESULTS}/logs/visual_features.log",
    benchmark:
        f"{RESULTS}/benchmarks/visual_features.tsv"
    params:
        source=source_hash("soulbench.models.visual_features"),
        settings=settings("generator.visual"),
    script:
        "../scripts/visual_features.py"
