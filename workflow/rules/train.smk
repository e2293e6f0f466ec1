# The original models: pre-trained on the whole training split, then fine-tuned on the subset.


rule pretrain:
    input:
        # The requests and the subset are opened with the rest of the data, but do not change what is learned.
        **{name: ancient(path) if path.endswith(".csv") else path for name, path in PREPARED.items()},
    output:
        **{name: beside(PATHS.pretrained("{seed}"), suffix) for name, suffix in MONITORED.items()},
        **kept_states("pretrain"),
        model=PATHS.pretrained("{seed}"),
        moments=beside(PATHS.pretrained("{seed}"), MOMENTS),
        record=beside(PATHS.pretrained("{seed}"), "json"),
    log:
        PATHS.log("pretrain", "seed{seed}"),
    cache: CACHED
    priority: 100
    threads: PROCESSES
    resources:
        gpu=GPU * PROCESSES,
    params:
        **jobs.pretraining(config)._asdict(),
        weights=file_state(config["training"]["perceptual_weights"]),
        seed=seed_of,
    script:
        "../scripts/pretrain.py"


rule finetune:
    input:
        **{name: ancient(path) if name == "requests" else path for name, path in PREPARED.items()},
        pretrained=PATHS.pretrained("{seed}"),
    output:
        **{name: beside(PATHS.original("{seed}"), suffix) for name, suffix in MONITORED.items()},
        **kept_states("finetune"),
        model=PATHS.original("{seed}"),
        moments=beside(PATHS.original("{seed}"), MOMENTS),
        record=beside(PATHS.original("{seed}"), "json"),
    log:
        PATHS.log("finetune", "seed{seed}"),
    cache: CACHED
    priority: 100
    threads: PROCESSES
    resources:
        gpu=GPU * PROCESSES,
    params:
        **jobs.finetuning(config)._asdict(),
        weights=file_state(config["training"]["perceptual_weights"]),
        seed=seed_of,
    script:
        "../scripts/finetune.py"
