# The bank of retrained models: ordinary jobs, each from scratch, which wait for no other model and take longest.
rule bank:
    input:
        **PREPARED,
    output:
        **{name: beside(PATHS.bank("{number}"), suffix) for name, suffix in MONITORED.items()},
        model=PATHS.bank("{number}"),
        record=beside(PATHS.bank("{number}"), "json"),
    log:
        PATHS.log("bank", "model{number}"),
    cache: CACHED
    priority: 80
    threads: PROCESSES
    resources:
        gpu=GPU * PROCESSES,
    params:
        **jobs.bank(config)._asdict(),
        weights=file_state(config["training"]["perceptual_weights"]),
        number=lambda wildcards: int(wildcards.number),
        left_out=lambda wildcards: runs.left_out(config, int(wildcards.number)),
        processes=PROCESSES,
    script:
        "../scripts/bank.py"
