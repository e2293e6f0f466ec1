"""All data steps in a row, as the workflow runs them."""

from scenes_factory import no_log

from soulbench.data.prepare.human import filter_humans
from soulbench.data.prepare.pack import pack
from soulbench.data.prepare.vocabulary import build_vocabulary
from soulbench.data.requests.resolve import resolve_requests


def vocabulary(config, source, data, log=no_log):
    build_vocabulary(config, source, data / "vocabulary.json", data / "graphs", log)


def packing(config, source, data, log=no_log):
    pack(config, source, data / "graphs", data / "vocabulary.json", data / "packed", log)


def human(config, source, data, log=no_log):
    outputs = (data / "human.csv", data / "subset.csv", data / "summary.json")
    filter_humans(config, data / "graphs", data / "packed", source, *outputs, log)


def requests(config, source, data, log=no_log):
    inputs = (data / "packed", data / "graphs", data / "subset.csv", data / "human.csv", source)
    resolve_requests(config, *inputs, data / "requests.csv", log)


def everything(config, source, data, log=no_log):
    for step in (vocabulary, packing, human, requests):
        step(config, source, data, log)
