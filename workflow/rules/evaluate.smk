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
# evaluating a model.
for name in sorted({run.method for run in RUNS}):

    rule:
        name:
            f"evaluate_{name}"
        input:
            PATHS.data("human.csv"),
            **PREPARED,
            models=evaluated_models,
            identity=identity_checkpoint(),
            compared=compared_outputs,
        output:
            [
                PATHS.record("{method}", request, "{seed}", file)
                for request in requests_of(name)
                for file in RECORD_FILES
            ],
        log:
            PATHS.log("evaluate", "{method}", "seed{seed}"),
        wildcard_constraints:
            method=name,
        # A model of the bank is compared with all those before it, so these are a chain, which all others wait for.
        priority: {"original": 90, BANK: 70}.get(name, 10)
        resources:
            gpu=GPU,
        params:
            **jobs.evaluation(config)._asdict(),
            weights=file_state(config["evaluation"]["lpips"]["weights"]),
            cases=evaluation_cases,
        script:
            "../scripts/evaluate.py"


del name  # a variable of the loop, not of the workflow
