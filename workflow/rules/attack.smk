# One rule per attack. A job attacks the models of one method and training seed for all requests of the attack; the
# original model and models that never saw the targets, with which all others are compared, are attacked alike.
for name in attacks.names(config):

    rule:
        name:
            f"attack_{name}"
        input:
            **PREPARED,
            files=lambda wildcards, attack=name: attacked_files(attack, wildcards),
        output:
            outcomes=PATHS.attack(name, "{method}", "{seed}", "csv"),
            images=PATHS.attack(name, "{method}", "{seed}", "npz"),
            record=PATHS.attack(name, "{method}", "{seed}", "json"),
        log:
            PATHS.log(f"attack_{name}", "{method}", "seed{seed}"),
        resources:
            gpu=GPU,
        params:
            source=lambda wildcards, attack=name: jobs.attack(config, attack, wildcards.method).source,
            settings=lambda wildcards, attack=name: jobs.attack(config, attack, wildcards.method).settings,
            weights=file_state(config["training"]["perceptual_weights"]),
            attack=name,
            requests=attacks.requests(config, name),
            cases=lambda wildcards, attack=name: attack_cases(attack, wildcards),
        script:
            "../scripts/attack.py"


if attacks.names(config):
    del name  # a variable of the loop, not of the workflow
