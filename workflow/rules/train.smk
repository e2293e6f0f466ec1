# The original models: pre-trained on the whole training split, fine-tuned on the human subset.


rule pretrain:
    input:
        # Pre-training opens the requests and the subset with the rest of the data, but learns nothing from them.
        [ancient(path) if path.endswith(".csv") else path for path in OPENED],
    output:
        model=f"{RESULTS}/models/pretrained/seed{{seed}}.safetensors",
        record=f"{RESULTS}/models/pretrained/seed{{seed}}.json",
        curves=f"{RESULTS}/models/pretrained/seed{{seed}}.curves.csv",
        film=f"{RESULTS}/models/pretrained/seed{{seed}}.snapshots.npz",
    log:
        f"{RESULTS}/logs/pretrain/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pretrain/seed{{seed}}.tsv"
    priority: 100
    threads: PROCESSES
    resources:
        gpu=GPU * PROCESSES,
    params:
        source=source_hash("soulbench.training.stages"),
        settings=stage(other="finetune"),
        data=DATA,
    script:
        "../scripts/pretrain.py"


rule finetune:
    input:
        [ancient(path) if path.endswith("requests.csv") else path for path in OPENED],
        pretrained=f"{RESULTS}/models/pretrained/seed{{seed}}.safetensors",
    output:
        model=f"{RESULTS}/models/original/seed{{seed}}.safetensors",
        record=f"{RESULTS}/models/original/seed{{seed}}.json",
        curves=f"{RESULTS}/models/original/seed{{seed}}.curves.csv",
        film=f"{RESULTS}/models/original/seed{{seed}}.snapshots.npz",
    log:
        f"{RESULTS}/logs/finetune/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/finetune/seed{{seed}}.tsv"
    priority: 100
    threads: PROCESSES
    resources:
        gpu=GPU * PROCESSES,
    params:
        source=source_hash("soulbench.training.stages"),
        settings=stage(other="pretrain"),
        data=DATA,
    script:
        "../scripts/finetune.py"
