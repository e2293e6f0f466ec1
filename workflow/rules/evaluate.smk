if config["evaluation"]["identity"] is not None:

    # One encoder tells for all models who is drawn. It is never trained on anybody whom a request asks for.
    rule identity_encoder:
        input:
            source_files(),
            packed=PREPARED["packed"],
            subset=PREPARED["subset"],
            requests=PREPARED["requests"],
        output:
            model=PATHS.identity(),
            record=beside(PATHS.identity(), "json"),
        log:
            PATHS.log("identity_encoder"),
        priority: 95
        params:
            **jobs.identity_encoder(config)._asdict(),
            individuals=individuals_state,
        script:
            "../scripts/identity_encoder.py"


# One rule per method. A job evaluates the models of one seed for all requests, because starting a job costs more than
# evaluating a model. The paths hold the method's id and no wildcard: Snakemake looks for the producer of a file among all
# outputs with its constant prefix, and the records of all methods together are thousands.
for name in sorted({run.method for run in RUNS}):

    rule:
        name:
            f"evaluate_{name}"
        input:
            PATHS.data("human.csv"),
            **PREPARED,
            models=lambda wildcards, method=name: evaluated_models(method, wildcards),
            identity=identity_checkpoint(),
            compared=lambda wildcards, method=name: compared_outputs(method, wildcards),
        output:
            [
                PATHS.record(name, request, "{seed}", file)
                for request in requests_of(name)
                for file in RECORD_FILES
            ],
        log:
            PATHS.log("evaluate", name, "seed{seed}"),
        # A model of the bank is compared with all those before it, so these are a chain, which all others wait for.
        priority: {"original": 90, BANK: 70}.get(name, 10)
        resources:
            gpu=GPU,
        params:
            **jobs.evaluation(config)._asdict(),
            weights=file_state(config["evaluation"]["lpips"]["weights"]),
            method=name,
            cases=lambda wildcards, method=name: evaluation_cases(method, wildcards),
        script:
            "../scripts/evaluate.py"


del name  # a variable of the loop, not of the workflow
