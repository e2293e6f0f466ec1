"""What the pages of documentation say that runs found is in the published tables of these runs."""

import re

import pandas as pd

from soulbench.core.sources import ROOT


def test_what_the_page_of_attacks_says_of_evidence_is_in_its_tables():
    tables = {
        name: pd.read_csv(ROOT / "docs" / "evidence" / f"{name}.csv.gz") for name in ("leaks", "attacks")
    }
    leaks, attacks = (table.query("task == 'reconstruction'") for table in tables.values())
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    text = " ".join(page.partition("## What `evidence` found\n")[2].partition("\n## ")[0].split())
    many = ("compression", "graph-query", "trace")
    few = ("embedding-query", "relearn", "sequence")
    jobs = leaks[leaks["method"] == "obj-mk-pa"].set_index("attack").loc[[*many, *few]]
    size = {row.Index: (row.n_requests, row.n_seeds) for row in jobs.itertuples()}
    assert size == dict.fromkeys(many, (24, 3)) | dict.fromkeys(few, (6, 1))
    verdicts = jobs["leaks"]
    assert {*verdicts[["compression", "graph-query"]]} == {"yes"}
    assert {*verdicts[["embedding-query", "trace"]]} == {"unclear"}
    of = attacks[attacks["method"] == "obj-mk-pa"]

    def means(attack, metric, source=of):
        own = source.query("attack == @attack and metric == @metric")
        return own.groupby("budget")[["value", "control"]].mean()

    plain = means("compression", "error").loc[32]
    undone = means("compression", "recovered").iloc[-1]
    asked, optimised = (
        one.iloc[0] - one.iloc[-1]
        for one in (means("graph-query", "error"), means("embedding-query", "error"))
    )
    object_ = means("relearn", "error-object")
    original = means("relearn", "error-object", attacks[attacks["method"] == "original"])
    blind = means("relearn", "recovered").iloc[-1]
    rest = means("sequence", "rest")["value"]
    back = of.query("attack == 'sequence' and metric == 're-emergence'")["value"].dropna()
    assert len(back) == 5
    trace = leaks.query("attack == 'trace'").set_index("method")
    assert {*trace.loc[["noop-ft", "original"], "leaks"]} == {"yes"}
    leaking = (
        tables["leaks"].query("method == 'obj-mk-pa' and task == 'synthesis'").set_index("attack")["leaks"]
    )
    assert {*leaking[["compression", "graph-query", "embedding-query"]]} == {"yes"}
    for said in (
        f"error is {plain['value']:.1f} grey levels, that of models which never saw it {plain['control']:.1f}.",
        f"lowers it by {undone['value']:.1f} (theirs by {undone['control']:.1f})",
        f"altered scene graphs by {asked['value']:.1f} ({asked['control']:.1f})",
        f"embedding by {optimised['value']:.1f} ({optimised['control']:.1f}).",
        "from an error of {:.1f} grey levels to {:.1f}, and ten to {:.1f};".format(
            *object_["value"][[0, 5, 10]]
        ),
        f"the original is at {original['value'][0]:.1f}.",
        "go from {:.1f} to {:.1f} and {:.1f}:".format(*object_["control"][[0, 5, 10]]),
        f"comes back by {blind['value']:.1f} only (theirs by {blind['control']:.1f}).",
        f"{back.mean():.1f} grey levels on average by the last, but {back.max():.1f} of one request and "
        f"{back[back < back.max()].mean():.1f} of the four others.",
        f"goes from {rest.iloc[0]:.1f} to {rest.iloc[-1]:.1f}:",
        f"AUC of {trace.loc['obj-mk-pa', 'value']:.2f}, which is unclear.",
        f"with {trace.loc['noop-ft', 'value']:.2f} and {trace.loc['original', 'value']:.2f}, and that is",
    ):
        assert said in text


def test_what_the_page_of_attacks_says_was_found_is_in_the_published_tables():
    tables = {
        name: pd.read_csv(ROOT / "docs" / "demo-run" / f"{name}.csv.gz")
        for name in ("leaks", "letters", "attacks")
    }
    leaks, attacks = (tables[name].query("task == 'reconstruction'") for name in ("leaks", "attacks"))
    text = " ".join(
        (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8").partition("run found\n")[2].split()
    )
    found = leaks.query("attack == 'update-leak'").set_index("method")["value"].round(2)
    assert f"with an AUC of {found['obj-mk-ns']} and {found['obj-if']}" in text
    assert f"of exact retraining is {found['retrain']:.2f}, and that" in text
    control = leaks.query("attack == 'update-leak'")["control"].max()
    assert f"which never saw the target {control:.2f}." in text
    assert f"`leak-aware` is at {found['leak-aware']}, and" in text
    methods = set(tables["letters"]["method"])
    own = leaks[leaks["method"].isin(methods)]
    by_verdict = own.groupby(["attack", "leaks"])["method"].agg(set)
    assert "yes" not in by_verdict["update-leak"].index
    identified = tables["leaks"][tables["leaks"]["method"].isin(methods)].query("attack == 'identity'")
    by_task = identified.groupby(["task", "leaks"])["method"].agg(set)
    assert by_task["synthesis", "unclear"] == {"feat-ng", "feat-mk", "obj-ng"}
    assert len(by_task["synthesis", "yes"]) == 9 and len(methods) == 12
    assert (len(by_task["reconstruction", "yes"]), len(by_verdict["graph-query", "yes"])) == (2, 8)
    uncorrected = identified.query("task == 'reconstruction' and leaks_uncorrected == 'yes'")
    assert len(uncorrected) == 8
    undone = (
        attacks.query("attack == 'compression' and metric == 'recovered'").groupby("method")["value"].mean()
    )
    assert f"by {undone['feat-mk']:.1f} and {undone['obj-mk-pa']:.1f} grey levels" in text
    assert (
        "obj-mk-pa" in by_verdict["compression", "yes"] and "feat-mk" in by_verdict["compression", "unclear"]
    )
    account = (ROOT / "docs" / "demo-run.md").read_text(encoding="utf-8")
    [(rho, p)] = re.findall(r"^(\S+) in reconstruction \(11 methods, p = (\S+)\)", account, re.MULTILINE)
    assert f"of both is {rho} over the 11 methods that do not collapse (p = {float(p):.2f})" in text
    assert {*own.query("attack == 'trace'")["leaks"]} == {"unclear"}
    relearnt = attacks.query("attack == 'relearn' and method == 'obj-mk-pa'")
    means = relearnt.groupby(["metric", "budget"])[["value", "control"]].mean().round(1)
    before, after = (means.loc["error-object"].loc[steps] for steps in (0, 5))
    original = attacks.query("attack == 'relearn' and method == 'original' and metric == 'error-object'")
    least = original.query("budget == 0")["value"].mean()
    assert (
        f"from an error of {before['value']} grey levels to {after['value']}, near the original's {least:.1f};"
        f" models that never saw it are at {after['control']}."
    ) in text
    back = means.loc["recovered"].iloc[-1]
    assert f"comes back by {back['value']}, they by {back['control']}: two requests" in text
    again = attacks.query("attack == 'sequence' and method == 'obj-mk-pa' and metric == 're-emergence'")[
        "value"
    ].mean()
    assert f"brings a little back**: {again:.1f} grey levels" in text


def test_what_the_page_of_findings_says_of_evidence_is_in_its_tables():
    names = (
        "scoreboard",
        "update_leak",
        "selected",
        "letters",
        "identity",
        "paths",
        "claims",
        "claim_parts",
        "bank",
    )
    tables = {name: pd.read_csv(ROOT / "docs" / "evidence" / f"{name}.csv.gz") for name in names}
    text = " ".join((ROOT / "docs" / "findings.md").read_text(encoding="utf-8").split())
    judged = tables["scoreboard"][tables["scoreboard"]["level"] != "reference"]
    of_the_text = judged["method"].str.endswith("-described")
    masks = judged[of_the_text & (judged["operating_point"] == "as described")]
    assert masks["method"].nunique() == 3 and {*masks["outcome"]} == {"it stays"}
    assert {(row.n_requests, row.n_seeds) for row in masks.itertuples()} == {(12, 1)}
    own = judged[~of_the_text]
    described = own[own["operating_point"] == "as described"]
    board = described[described["task"] == "reconstruction"].set_index("method")
    assert len(board) == 9 and {*board["requests_memorised"]} == {24}

    def ends(method):
        row = 100 * board.loc[method, ["forgotten", "forgotten_low", "forgotten_high"]].astype(float)
        return "{:.0f} % [{:.0f} %, {:.0f} %]".format(*row)

    assert not described["outcome"].str.startswith("forgets it, keeps").any()
    removing = described[described["outcome"] == "removes it, keeps the rest"]
    assert (
        {*removing["method"]} == {"obj-mk-pa"} and {*removing["damaged_A2"]} == {"no"} and len(removing) == 2
    )
    assert board.loc["obj-mk-pa", "excess_A1_low"] > 0
    assert tables["letters"].query("forgets == 'yes' and leaks == 'no'").empty
    staying = described[described["outcome"] == "it stays"].groupby("task")["method"].agg(set)
    assert all(staying[task] == {"sample-ft", "feat-if", "obj-mk-ns", "obj-if"} for task in staying.index)
    selected = own[own["operating_point"] == "selected"]
    assert {*selected["outcome"]} == {"it stays"}
    assert tables["selected"].set_index("method").loc["obj-mk-pa", "budget"] == 112
    verdicts = tables["claims"].query("operating_point == 'as described'").set_index("claim")["verdict"]
    assert {*verdicts[["C1", "C5", "C8", "C11"]]} == {"supported"}
    assert {*verdicts[["C7", "C12", "C13"]]} == {"undecided"} and verdicts["C3"] == "contradicted"
    parts = tables["claim_parts"].query("operating_point == 'as described'")
    tasks = parts[parts["claim"] == "C7"]
    removed = parts[parts["part"] == "obj-mk-pa removes the object in reconstruction"].iloc[0]
    assert removed["holds"] == "unclear" and board.loc["obj-mk-pa", "removed"] == "yes"
    damage = board.loc["feat-mk", ["harm_A2", "harm_low_A2", "harm_high_A2"]].astype(float).round(1).tolist()
    assert [*board.index[board["outcome"] == "collapsed"]] == ["feat-ng", "obj-ng"]
    leak = tables["update_leak"].query("task == 'reconstruction'").set_index("method")
    auc = leak[leak["metric"] == "auc"]
    first = 100 * leak[leak["metric"] == "rank1"].loc["obj-mk-pa", ["value", "control"]].astype(float)
    named = tables["identity"].query(
        "task == 'reconstruction' and dimension == 'identity' and metric == 'rank1'"
    )
    columns = ["value", "value_low", "value_high", "control"]
    named = 100 * named.set_index("method")[columns].loc["obj-mk-pa"]
    exact = leak.loc["retrain"].set_index("metric")
    bank = tables["bank"].set_index(["task", "dimension"])
    inside = bank["within"].groupby(level=[0, 1]).sum().unstack()[["target_error", "A2", "A3", "A4"]]
    assert (
        inside.loc["reconstruction"].tolist() == [4, 4, 4, 1] and inside.loc["synthesis", "target_error"] == 3
    )
    further = bank.loc[("reconstruction", "A4"), "difference"].mean()
    reach = ((bank["ci_high"] - bank["ci_low"]) / 2).loc["reconstruction"].groupby(level=0).mean().round(1)
    paths = tables["paths"].query("task == 'reconstruction'").sort_values("budget").set_index("method")

    def way(method, some):
        """Return some of its budgets, the shares forgotten and the harms there, each as a list in words."""
        own = paths.loc[method].iloc[some]
        columns = (
            own["budget"].map("{:.0f}".format),
            own["forgotten"].map("{:.0%}".format).str.replace("%", " %"),
            own["harm"].map("{:.1f}".format),
        )
        return [" and ".join([", ".join(column[:-1]), column.iloc[-1]]) for column in columns]

    steps, shares, _ = way("obj-mk-pa", slice(None))
    fewer, nearer, harms = way("sample-ng", slice(-1))
    _, feature, feature_harms = way("feat-if", slice(-2, None))
    _, single, single_harms = way("obj-if", slice(-2, None))
    guided = paths.loc["obj-ng"].set_index("budget")
    (before, little), (after, much) = (
        [100 * row.forgotten, row.harm] for row in guided.loc[[56, 112]].itertuples()
    )
    assert paths.loc["feat-if"]["budget"].tolist() == [1, 10, 100, 1000]
    for said in (
        f"{ends('obj-mk-pa')} at a harm of {board.loc['obj-mk-pa', 'harm_A2']:.1f}, and more than half the way in "
        f"{board.loc['obj-mk-pa', 'requests_removed']:.0f} of 24 requests",
        f"it is more than half (p = {removed['p']:.3f}) is certain among the nine methods, the others being clearer, "
        f"and not among the nine parts of C3 ({removed['p_holm']:.3f} after Holm's correction)",
        "is {:.1f} [{:.1f}, {:.1f}] grey levels farther from a retrained model's picture".format(
            *board.loc["obj-mk-pa", ["excess_A1", "excess_A1_low", "excess_A1_high"]]
        ),
        f"in {named['value']:.0f} % [{named['value_low']:.0f} %, {named['value_high']:.0f} %] of the requests, where "
        f"it names them in {named['control']:.0f} % for models",
        f"by its error, {ends('feat-mk')}, and its category",
        f"is undecided: {damage[0]} [{damage[1]}, {damage[2]}].",
        f"are {tasks['effect'].min():.2f} to {tasks['effect'].max():.2f} times those in synthesis",
        f"for {(tasks['holds'] == 'yes').sum()} of {len(tasks)} it is certain",
        f"the noise is wide: {reach['target_error']} grey levels either way for the target, {reach['A2']} and "
        f"{reach['A3']} for A2 and A3.",
        f"(at most {100 * masks['forgotten'].max():.0f} %, 12 requests and one seed)",
        f"changes by {board.loc['feat-mk', 'harm_A3']:.1f} grey levels (A3)",
        f"AUC of {auc.loc['feat-mk', 'value']:.2f} for `feat-mk` and {auc.loc['obj-mk-pa', 'value']:.2f} for "
        f"`obj-mk-pa`, and with {auc.loc['obj-mk-pa', 'control']:.2f} for the bank's",
        f"in {first['value']:.0f} % of the requests, that of a model of the bank in {first['control']:.0f} %.",
        f"an AUC of {exact.loc['auc', 'value']:.2f} and the first place in {4 * exact.loc['rank1', 'value']:.0f} of "
        f"{exact.loc['auc', 'n_requests']} requests",
        f"is {-further:.1f} grey levels above theirs, in {4 - inside.loc['reconstruction', 'A4']:.0f} of 4 requests",
        f"After {steps} steps `obj-mk-pa` has gone {shares} of the way",
        f"`sample-ng` {ends('sample-ng')} at a harm of {board.loc['sample-ng', 'harm_A2']:.1f}",
        f"from {before:.0f} % at a harm of {little:.1f} to {after:.0f} % at {much:.1f} between 56 and 112 steps.",
        f"after {fewer} steps it has gone {nearer} of the way, at harms of {harms}.",
        f"`feat-if` forgets {feature} at harms of {feature_harms}, and `obj-if` {single} at {single_harms}.",
    ):
        assert said in text


def test_what_the_page_of_photographs_says_is_in_its_tables():
    names = ("scoreboard", "memorised", "identity", "paths", "selected", "claim_parts")
    tables = {name: pd.read_csv(ROOT / "docs" / "photos-run" / f"{name}.csv.gz") for name in names}
    pages = {
        name: " ".join((ROOT / "docs" / f"{name}.md").read_text("utf-8").split())
        for name in ("photos", "findings")
    }
    board = tables["scoreboard"].query("operating_point == 'as described' and level != 'reference'")
    staying = board[board["outcome"] == "it stays"].groupby("task")["method"].agg(set)
    assert all(staying[task] == {"sample-ft", "feat-if", "obj-mk-ns", "obj-if"} for task in staying.index)
    assert {*board[board["outcome"] == "removes it, damages the rest"]["method"]} == {"sample-ng", "feat-mk"}
    assert {*board[board["outcome"] == "collapsed"]["method"]} == {"feat-ng"}
    own = board[board["task"] == "reconstruction"].set_index("method")
    patch, synthesis = own.loc["obj-mk-pa"], board.query("task == 'synthesis'").set_index("method")
    assert patch["damaged_A2"] == "unclear" and patch["excess_A1_low"] > 0
    assert {patch["damaged_A3"], patch["damaged_retained_error"]} == {"no"}
    forgotten = [f"{100 * patch[name]:.0f} %" for name in ("forgotten", "forgotten_low", "forgotten_high")]
    harm = [f"{patch[name]:.1f}" for name in ("harm_A2", "harm_low_A2", "harm_high_A2")]
    assert "{} [{}, {}] of the way; its harm, {} [{}, {}],".format(*forgotten, *harm) in pages["findings"]
    memorised = tables["memorised"].set_index("task")
    clearly = memorised.groupby("task")["clearly"].sum()
    assert (clearly["reconstruction"], clearly["synthesis"]) == (12, 11)
    errors = memorised.loc["reconstruction"]
    low, high = errors["error_retrain"].agg(["min", "max"])
    half = tables["paths"].query("method == 'obj-mk-pa' and task == 'reconstruction' and budget == 25")
    identity = tables["identity"].query(
        "method == 'obj-mk-pa' and task == 'reconstruction' and metric == 'mrr'"
    )
    [named] = identity.itertuples()
    collapsed = own.loc[["sample-ng", "obj-ng"], "collapsed_share"] * 24
    assert collapsed.round(6).nunique() == 1
    for said in (
        f"with an error of {errors['error_original'].mean():.0f} grey levels, those that never saw them with "
        f"{errors['error_retrain'].mean():.0f} in the mean, {low:.0f} to {high:.0f};",
        f"goes {forgotten[0]} of the way ({100 * synthesis.loc['obj-mk-pa', 'forgotten']:.0f} % in synthesis)",
        f"by {harm[0]} grey levels beyond `noop-ft`, and 2.55 would be damage: undecided, with an interval from "
        f"{harm[1]} to {harm[2]}.",
        f"With half the budget it goes {100 * half['forgotten'].item():.0f} % of the way.",
        f"lie {patch['excess_A1']:.0f} grey levels further from theirs",
        f"(A3 +{own.loc['feat-mk', 'harm_A3']:.0f} grey levels)",
        f"in many models; {collapsed.iloc[0]:.0f} of 24 count as collapsed.",
        f"has {named.gallery:.0f} crops to choose from (it identifies {100 * named.accuracy:.0f} % of true crops; a "
        f"blind guess has a mean reciprocal rank of {named.chance:.2f})",
        f"the person has {named.value:.2f} [{named.value_low:.2f}, {named.value_high:.2f}], where models that "
        f"never saw the person have {named.control:.2f}:",
    ):
        assert said in pages["photos"], said
    twelfth = tables["claim_parts"].query("claim == 'C12' and operating_point == 'as described'").iloc[0]
    assert (twelfth["holds"], twelfth["holds_uncorrected"]) == ("unclear", "yes")
    assert tables["selected"].set_index("method").loc["obj-mk-pa", "budget"] == 25


def test_what_the_page_of_findings_says_is_in_the_published_tables():
    folder = ROOT / "docs" / "methods-run"
    names = ("scoreboard", "update_leak", "selected", "letters", "timing")
    tables = {name: pd.read_csv(folder / f"{name}.csv.gz") for name in names}
    board, leak = (tables[name].query("task == 'reconstruction'") for name in ("scoreboard", "update_leak"))
    board = board[board["operating_point"] == "as described"].set_index("method")
    auc = leak[leak["metric"] == "auc"].set_index("method")["value"]
    text = " ".join((ROOT / "docs" / "findings.md").read_text(encoding="utf-8").split())

    def share(method):
        return f"{100 * board.loc[method, 'forgotten']:.0f} %"

    def ends(method):
        low, high = (100 * board.loc[method, f"forgotten_{end}"] for end in ("low", "high"))
        return f"{share(method)} [{low:.0f} %, {high:.0f} %]"

    harm = board["harm_A2"]
    excess = tables["selected"].set_index("method")["excess_sum"].sort_values()
    assert [*excess.index[:3]] == ["teacher-inpaint", "salun", "obj-mk-pa"]
    assert {*board.index[board["forgotten"].abs() < 0.005]} >= {"sample-ft", "feat-if", "obj-mk-ns", "obj-if"}
    assert board.loc["fisher-noise", "forgotten"] < 0.0149
    undamaged = ["teacher-inpaint", "salun", "neggrad-plus", "relabel"]
    assert {*board.loc[undamaged, "damaged_A2"]} == {"no"}
    outcomes = tables["scoreboard"][tables["scoreboard"]["level"] != "reference"]["outcome"]
    assert not [
        outcome for outcome in outcomes if outcome.startswith(("forgets it, keeps", "removes it, keeps"))
    ]
    assert tables["letters"].query("forgets == 'yes' and leaks == 'no'").empty
    unlike = board["excess_A1"]
    synthesis = tables["scoreboard"].query("task == 'synthesis' and method == 'scrub'")
    assert "forgets it, draws something else" in {*synthesis["outcome"]}
    inside = board.index[(board["forgotten"] - 1).abs() < board["band"]]
    assert {*inside} - {*board.index[board["group"] != "beyond the paper"]} == {"scrub", "rewind"}
    forgetting = board.index[(board["level"] != "reference") & (board["forgotten"].round(2) >= 0.08)]
    assert {*auc[forgetting].index[auc[forgetting].round(1) < 0.9]} == {"feat-ng"}
    seconds = tables["timing"].set_index("method")["ratio_to_retrain"]
    for said in (
        f"`sample-ng` {ends('sample-ng')}, `obj-ng` {ends('obj-ng')}; `feat-ng` collapses",
        f"`feat-mk` gets to {share('feat-mk')}, and changes its category in other images by "
        f"{board.loc['feat-mk', 'harm_A3']:.1f} grey levels",
        f"`obj-mk-pa` gets to {share('obj-mk-pa')} at a harm of {harm['obj-mk-pa']:.1f}.",
        f"With the same 50 steps it gets to {share('oracle-match')}: so many steps",
        f"`teacher-inpaint` gets to {share('teacher-inpaint')}, `salun` to {share('salun')}, `neggrad-plus` to "
        f"{share('neggrad-plus')}, `relabel` to {share('relabel')}",
        f"band is wide: {share('scrub')}, harm {harm['scrub']:.1f} (",
        f"{unlike['scrub']:.1f} grey levels farther from a retrained model's",
        f"(excess {excess.iloc[0]:.1f}), `salun` ({excess.iloc[1]:.1f}) and `obj-mk-pa` ({excess.iloc[2]:.1f}). "
        f"All others are at {excess.iloc[3]:.1f} or more.",
        f"its harm is {harm['rewind']:.1f}, and that of `retrain` {harm['retrain']:.1f} (of two",
        f"is {board.loc['rewind', 'harm_retained_error']:.1f} above that of `noop-ft`",
        f"`ssd` forgets {share('ssd')} for 1/{1 / seconds['ssd']:.0f} of a retraining; "
        f"`gif-trust` {share('gif-trust')}",
        f"update-leak AUC, {auc['leak-aware']:.2f}, is certainly below the control, but it forgets "
        f"{share('leak-aware')} at a harm of {harm['leak-aware']:.1f}.",
    ):
        assert said in text
    account = (ROOT / "docs" / "methods-run.md").read_text(encoding="utf-8")
    [first, second] = re.findall(
        r"^(\S+) in (?:reconstruction|synthesis) \(24 methods", account, re.MULTILINE
    )
    assert f"the update leak is {first} ({second} in synthesis)" in text
    demo = (ROOT / "docs" / "demo-run.md").read_text(encoding="utf-8")
    [rho] = re.findall(r"^(\S+) in reconstruction \(11 methods", demo, re.MULTILINE)
    assert f"over the demo's 11 that do not collapse {rho}:" in text


def test_what_the_page_of_divergences_says_of_runs_is_in_its_table():
    text = (ROOT / "docs" / "divergences.md").read_text(encoding="utf-8")
    table = text.partition("<!-- runs: begin -->")[2].partition("<!-- runs: end -->")[0]
    said = " ".join(text.partition("What this table shows:")[2].partition("\n## ")[0].split())
    effects = {}
    for line in table.splitlines():
        method, _, setting, *cells = (
            line.replace("`", "").strip("| ").split(" | ") if "[" in line else [""] * 3
        )
        if cells:
            numbers = [[*map(float, re.findall(r"[-+]?\d+\.\d", cell))] for cell in cells]
            effects[method, re.findall(r"\.(\w+): ", setting)[-1]] = numbers

    def size(method, setting, column=0):
        return abs(effects[method, setting][column][0])

    def certain(method, setting, column):
        _, low, high = effects[method, setting][column]
        return low * high > 0

    assert f"rises by {size('original', 'layernorm', 1)} grey levels" in said
    assert all(row[0] == [0.0] * 3 for (_, setting), row in effects.items() if setting == "layernorm")
    assert (
        f"rises by {size('original', 'hide_features', 1)} where the whole image is hidden, which it never was in "
        f"training, and by {size('original', 'hide_features')} in reconstruction"
    ) in said
    less, low, high = effects["feat-mk", "hide_features"][1]
    assert f"`feat-mk` forgets less, by {-less} [{-high}, {-low}]" in said
    assert not certain("obj-mk-pa", "hide_features", 1)
    masks = ("feat-mk", "obj-mk-pa")
    assert all(certain(method, "norm_statistics", task) for method in masks for task in (0, 1))
    of_masks = " and ".join(f"{size(method, 'norm_statistics')} with `{method}`" for method in masks)
    assert f"by {of_masks}" in said
    assert effects["obj-if, alpha 1000", "norm_statistics"] == [[0.0] * 3] * 4
    assert (
        f"`noop-ft` alone is {size('noop-ft', 'start')} farther from the truth on the target than by default, and "
        f"{size('noop-ft', 'start', 2)} on the rest; `obj-mk-pa` is by as much ({size('obj-mk-pa', 'start')})"
    ) in said
