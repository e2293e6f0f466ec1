"""What is in each CSV table: its columns, and their types."""

from collections.abc import Mapping

#: Types of columns. A number may be blank (not measured), and so may a finding (undecided); nothing else may.
TEXT, WHOLE, NUMBER, FLAG, FINDING = "str", "int64", "float64", "bool", "boolean"
Schema = dict[str, str]


def _of(kind: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, kind)


_EFFECT = _of(TEXT, "task", "dimension", "metric") | _of(NUMBER, "value")
_INTERVAL = _of(NUMBER, "ci_low", "ci_high")
_BOX = _of(NUMBER, "x0", "y0", "x1", "y1", "width")
_RUN = _of(TEXT, "method", "request") | _of(WHOLE, "seed")
_ABLATED = _of(TEXT, "request") | _of(WHOLE, "seed")
_CLAIMS = (
    _of(TEXT, "claim", "statement", "operating_point", "verdict", "verdict_uncorrected")
    | _of(NUMBER, "effect")
    | _INTERVAL
    | _of(TEXT, "unit", "why", "power")
)
_CLAIM_PARTS = (
    _of(TEXT, "claim", "operating_point", "part", "holds", "holds_uncorrected")
    | _of(NUMBER, "effect")
    | _INTERVAL
    | _of(TEXT, "unit")
    | _of(NUMBER, "threshold", "p", "p_holm", "requests_needed")
    | _of(WHOLE, "n_requests", "n_seeds")
    | _of(TEXT, "note")
)
#: Of each retained dimension; `harm_seed` and `harm_retrain` are those of another seed and of retraining.
_HARM = (
    _of(NUMBER, "harm", "harm_low", "harm_high")
    | _of(TEXT, "damaged", "damaged_uncorrected")
    | _of(NUMBER, "harm_seed", "harm_retrain")
    | _of(TEXT, "harm_note")
)

#: The tables of one evaluated model, by name.
RECORDS: Mapping[str, Schema] = {
    "metrics": _EFFECT | _of(TEXT, "unit") | _of(WHOLE, "regions"),
    "latent": _of(TEXT, "task", "group", "representation", "distance") | _of(NUMBER, "value"),
    "queries": _of(TEXT, "task", "query", "status", "metric") | _of(NUMBER, "value"),
    "budgets": _of(NUMBER, "budget") | _EFFECT,
}

#: What one attack on the models of a method and training seed measures.
ATTACKED: Schema = (
    _of(TEXT, "request", "task")
    | _of(NUMBER, "budget")
    | _of(TEXT, "metric", "unit")
    | _of(NUMBER, "value")
    | _of(TEXT, "status")
)

_MODULES = _of(TEXT, "module") | _of(WHOLE, "parameters")
#: The tables of one ablation of one request and seed, by name.
ABLATIONS: Mapping[str, Schema] = {
    "modules": _MODULES | _of(NUMBER, "seconds", "residual") | _EFFECT,
    "alpha": _of(NUMBER, "alpha") | _EFFECT,
}

#: The curves of one training; each of its losses is one more column of numbers.
CURVES: Schema = (
    _of(TEXT, "stage") | _of(WHOLE, "step") | _of(NUMBER, "learning_rate", "images_per_second", "loss")
)

#: What the data rules write, by the name of the file.
_DATA: Mapping[str, Schema] = {
    "human": _of(WHOLE, "image_id", "object_id") | _of(TEXT, "label") | _BOX | _of(TEXT, "split"),
    "subset": _of(WHOLE, "image_id") | _of(TEXT, "role"),
    "requests": (
        _of(TEXT, "request", "set", "kind", "role", "individual")
        | _of(WHOLE, "image_id", "object_id")
        | _of(TEXT, "category")
        | _BOX
        | _of(TEXT, "twin_of")
        | _of(FLAG, "by_rule")
    ),
}

#: What does not depend on the moment: these tables are equal to the byte when a benchmark is run again.
_RESULTS: Mapping[str, Schema] = {
    **{name: _RUN | schema for name, schema in RECORDS.items()},
    "ablation_modules": _ABLATED | _MODULES | _of(NUMBER, "residual") | _EFFECT,
    "ablation_alpha": _ABLATED | ABLATIONS["alpha"],
    "summary": (
        _of(TEXT, "method", "task", "dimension", "metric")
        | _of(NUMBER, "mean")
        | _INTERVAL
        | _of(WHOLE, "n_requests", "n_seeds")
        | _of(NUMBER, "floor")
        | _of(TEXT, "better", "paper_better")
        | _of(NUMBER, "retrain", "excess", "floor_noise", "floor_seed", "floor_noop")
        | _of(FINDING, "inside_floor")
        | _of(FLAG, "collapsed")
        | _of(TEXT, "note")
    ),
    "contrasts": (
        _of(TEXT, "method", "task", "dimension", "metric", "against")
        | _of(NUMBER, "difference")
        | _INTERVAL
        | _of(WHOLE, "n_requests")
        | _of(NUMBER, "p", "rank_biserial", "p_holm", "p_least")
    ),
    "memorised": (
        _of(TEXT, "request", "category", "task")
        | _of(NUMBER, "error_original", "error_retrain", "gap", "gap_low", "gap_high", "sigma")
        | _of(TEXT, "sigma_of")
        | _of(FLAG, "memorised", "clearly")
    ),
    "bank": (
        _of(TEXT, "request", "task", "dimension")
        | _of(NUMBER, "exact", "bank", "difference", "ci_low", "ci_high")
        | _of(FLAG, "within")
    ),
    "sod": (
        _of(TEXT, "method", "request", "task")
        | _of(NUMBER, "error", "error_retrain", "sigma")
        | _of(TEXT, "sigma_of")
        | _of(NUMBER, "sod")
        | _of(FLAG, "inside_band")
    ),
    "identity": (
        _of(TEXT, "method", "task", "dimension", "metric", "unit")
        | _of(NUMBER, "value", "value_low", "value_high", "control", "excess", "excess_low", "excess_high")
        | _of(NUMBER, "chance", "gallery", "accuracy")
        | _of(WHOLE, "n_requests", "n_seeds")
        | _of(TEXT, "note")
    ),
    "update_leak": (
        _of(TEXT, "method", "task", "metric", "unit")
        | _of(NUMBER, "value", "value_low", "value_high", "control", "excess", "excess_low", "excess_high")
        | _of(WHOLE, "n_requests", "n_seeds")
    ),
    "attacks": (
        _of(TEXT, "method", "request")
        | _of(WHOLE, "seed")
        | _of(TEXT, "attack", "task")
        | _of(NUMBER, "budget")
        | _of(TEXT, "metric", "unit")
        | _of(NUMBER, "value", "control")
        | _of(TEXT, "status")
    ),
    "leaks": (
        _of(TEXT, "attack", "method", "task", "metric", "unit")
        | _of(NUMBER, "budget")
        | _of(NUMBER, "value", "value_low", "value_high", "control", "excess", "excess_low", "excess_high")
        | _of(NUMBER, "threshold", "p", "p_holm")
        | _of(TEXT, "leaks", "leaks_uncorrected")
        | _of(WHOLE, "n_requests", "n_seeds")
    ),
    "letters": _of(TEXT, "method", "task", "forgets", "leaks", "leaking", "unclear"),
    "paths": (
        _of(TEXT, "method", "task")
        | _of(NUMBER, "budget")
        | _of(FLAG, "described", "selected")
        | _of(NUMBER, "forgotten", "forgotten_low", "forgotten_high", "harm", "harm_low", "harm_high")
        | _of(WHOLE, "n_requests", "n_seeds")
    ),
    "development": (
        _of(TEXT, "method")
        | _of(NUMBER, "budget")
        | _of(FLAG, "described")
        | _of(TEXT, "task", "dimension", "metric")
        | _of(NUMBER, "to_retrain", "between_retrain", "excess")
    ),
    "selected": (
        _of(TEXT, "method")
        | _of(NUMBER, "budget", "described_budget", "excess_sum", "excess_sum_described")
        | _of(WHOLE, "trials")
    ),
    "scoreboard": (
        _of(
            TEXT,
            "operating_point",
            "method",
            "level",
            "group",
            "task",
            "outcome",
            "outcome_uncorrected",
            "verdict",
            "verdict_uncorrected",
        )
        | _of(NUMBER, "forgotten", "forgotten_low", "forgotten_high", "band")
        | _of(NUMBER, "sod", "sod_low", "sod_high", "excess_A1", "excess_A1_low", "excess_A1_high")
        | _of(TEXT, "removed", "removed_uncorrected")
        | _of(WHOLE, "requests_inside", "requests_removed", "requests_memorised")
        | _of(
            NUMBER, "identity", "identity_retrain", "identity_kept", "identity_kept_low", "identity_kept_high"
        )
        | _of(TEXT, "identified", "identified_uncorrected", "identity_note")
        | _of(TEXT, "collapsed")
        | _of(NUMBER, "collapsed_share")
        | {
            f"{column}_{dimension}": kind
            for dimension in ("A2", "A3", "retained_error", "heldout_error")
            for column, kind in _HARM.items()
        }
        | _of(WHOLE, "n_requests", "n_seeds")
    ),
    "claims": _CLAIMS,
    "claim_parts": _CLAIM_PARTS,
}

#: What depends on the machine and the moment: seconds and memory. The names of these tables begin with `timing`.
_COSTS: Mapping[str, Schema] = {
    "timing": (
        _of(TEXT, "method", "family")
        | _of(NUMBER, "seconds", "seconds_least", "seconds_most", "shareable", "peak_mib")
        | _of(WHOLE, "n")
        | _of(NUMBER, "ratio_to_retrain", "break_even", "break_even_shared")
    ),
    "timing_jobs": (
        _of(TEXT, "method", "level", "family", "request")
        | _of(WHOLE, "seed")
        | _of(NUMBER, "seconds", "shareable", "peak_mib")
        | _of(WHOLE, "steps")
    ),
    "timing_modules": _ABLATED | _of(TEXT, "module") | _of(NUMBER, "seconds"),
    "timing_claims": _CLAIMS,
    "timing_claim_parts": _CLAIM_PARTS,
}

#: Every table that has a file of its own name.
TABLES: Mapping[str, Schema] = {**_DATA, **_RESULTS, **_COSTS}
