# From annotations in the Visual Genome layout to packed scenes, the fine-tuning subset and the requests.
if config["data"]["source"] == "demo":

    rule demo_data:
        output:
            directory(PATHS.data(SOURCE)),
        log:
            PATHS.log("demo_data"),
        params:
            source=source_hash("soulbench.data.demo.dataset"),
            settings=settings("seed", "data.demo"),
        script:
            "../scripts/demo_data.py"


if config["data"]["source"] == "visual_genome" and config["data"]["root"] is None:

    rule download:
        output:
            f"{PATHS.data(SOURCE)}/{{file}}.done",
        log:
            PATHS.log("download", "{file}"),
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
        vocabulary=PATHS.data("vocabulary.json"),
        graphs=directory(GRAPHS),
    log:
        PATHS.log("vocabulary"),
    params:
        source=source_hash("soulbench.data.prepare.vocabulary"),
        settings=settings("seed", "data"),
        annotations=annotation_states,
    script:
        "../scripts/vocabulary.py"


rule pack:
    input:
        source_files(),
        vocabulary=PATHS.data("vocabulary.json"),
        graphs=GRAPHS,
    output:
        directory(PREPARED["packed"]),
    log:
        PATHS.log("pack"),
    params:
        source=source_hash("soulbench.data.prepare.pack"),
        settings=settings("data"),
        photographs=photographs_state,
    script:
        "../scripts/pack.py"


rule human_filter:
    input:
        source_files(),
        graphs=GRAPHS,
        packed=PREPARED["packed"],
    output:
        human=PATHS.data("human.csv"),
        subset=PREPARED["subset"],
        summary=PATHS.data("summary.json"),
    log:
        PATHS.log("human_filter"),
    params:
        source=source_hash("soulbench.data.prepare.human"),
        settings=settings("seed", "data.source", "data.root", "human", "requests.file"),
        requests=file_state(config["requests"]["file"]),
        individuals=requested_individuals_state,
    script:
        "../scripts/human_filter.py"


rule requests:
    input:
        source_files(),
        graphs=GRAPHS,
        packed=PREPARED["packed"],
        subset=PREPARED["subset"],
        human=PATHS.data("human.csv"),
    output:
        PREPARED["requests"],
    log:
        PATHS.log("requests"),
    params:
        source=source_hash("soulbench.data.requests.resolve"),
        settings=settings("seed", "data.source", "data.root", "human", "requests"),
        bank=config["references"]["bank"] is not None,
        requests=file_state(config["requests"]["file"]),
        individuals=individuals_state,
    script:
        "../scripts/requests.py"


rule visual_features:
    input:
        PREPARED["packed"],
    output:
        PREPARED["visual"],
    log:
        PATHS.log("visual_features"),
    params:
        source=source_hash("soulbench.models.visual_features"),
        settings=jobs.computed(config, "generator.visual"),
        weights=file_state(config["generator"]["visual"]["weights"]),
    script:
        "../scripts/visual_features.py"
