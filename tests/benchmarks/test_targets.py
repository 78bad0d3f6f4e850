"""Targets are judged from medians: met, missed, or not measured; and told on a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from benchmarks.page import write_page
from benchmarks.results import Results
from benchmarks.schedule import MODES, engine_cases, interleaved
from benchmarks.targets import judge, slope

SIZE = 100_000


def results_with(**medians):
    results = Results("full", "2026-01-01", {"cpu": "x", "cores": 2, "memory_gb": 8, "system": "L",
                                             "load_at_start": 0.1}, {"python": "3.11"})  # fmt: skip
    for key, sample in medians.items():
        results.add(key, sample, {"tool": key.rsplit("/", 1)[-1], "label": key.rsplit("/", 1)[-1]})
    return results


def engine(tool, per_second, server="0ms"):
    sample = {"per_second": per_second, "seconds": SIZE / per_second, "peak_mb": 100.0, "requests": 1000,
              "cpu_seconds": 1.0}  # fmt: skip
    return {f"engine/first/{SIZE}/{server}/{tool}": {**sample, "throttled": 0}}


def verdicts(results):
    return {target.key: target.met for target in judge(results, SIZE)}


def test_nothing_is_judged_that_was_not_measured():
    assert set(verdicts(results_with()).values()) == {None}


@pytest.mark.parametrize(("ours", "met"), [(60_000, True), (59_000, False)])
def test_speed_is_a_ratio_to_the_peer_in_the_same_run(ours, met):
    results = results_with(**engine("ours-8", ours), **engine("drt-1000", 30_000), **engine("dlt-1", 1_000))
    assert verdicts(results)["1a"] is met
    assert verdicts(results)["1b"] is None


def test_the_faster_way_of_a_peer_is_the_one_to_beat():
    results = results_with(
        **engine("ours-8", 50_000), **engine("dlt-1", 10_000), **engine("dlt-20", 30_000)
    )  # fmt: skip
    assert verdicts(results)["1c"] is False


def test_medians_are_judged_not_single_rounds():
    results = results_with(**engine("drt-1000", 10_000))
    for speed in (100_000, 19_000, 18_000):
        for key, sample in engine("ours-8", speed).items():
            results.add(key, sample, {})
    assert verdicts(results)["1a"] is False


def test_a_crash_is_judged_by_its_worst_round():
    results = results_with()
    for twice in (0, 900):
        key = f"engine/crash/{SIZE}/0ms/ours-8"
        results.add(key, {"sent_twice": twice, "killed_at": 1, "seconds": 1}, {"label": "ours"})
    assert verdicts(results)["7"] is False


def test_slope_of_linear_growth_is_one():
    assert slope([(1.0, 3.0), (2.0, 4.0), (4.0, 6.0)]) == pytest.approx(1.0)
    assert slope([(1.0, 1.0), (2.0, 3.0)]) == pytest.approx(2.0)


def test_results_come_back_from_their_file(tmp_path):
    results = results_with(**engine("ours-8", 50_000))
    results.save(tmp_path / "r.json", targets=[])
    assert verdicts(Results.load(tmp_path / "r.json")) == verdicts(results)
    assert json.loads((tmp_path / "r.json").read_text())["cases"]


def test_the_page_tells_each_target_and_why_it_was_missed(tmp_path, monkeypatch):
    results = results_with(**engine("ours-8", 10_000), **engine("drt-1000", 30_000))
    findings = tmp_path / "findings.json"
    findings.write_text(json.dumps({"1a": "HTTP takes most of the time."}))
    monkeypatch.setattr("benchmarks.page.FINDINGS", findings)
    page, chart = tmp_path / "p.md", tmp_path / "c.svg"
    targets = judge(results, SIZE)
    write_page(results, targets, SIZE, page=page, chart=chart)
    text = page.read_text()
    assert all(f"| {target.key} |" in text for target in targets)
    assert "- **1a** (0.33, wanted ≥ 2.00): HTTP takes most of the time." in text
    assert "10,000" in "".join(ET.parse(chart).getroot().itertext())


class TestSchedule:
    def test_no_case_stands_twice(self):
        for mode in MODES.values():
            keys = [case.key for case in engine_cases(mode)]
            assert len(keys) == len(set(keys))

    def test_rounds_are_interleaved(self):
        cases = list(engine_cases(MODES["full"]))
        order = list(interleaved(cases))
        assert len(order) == sum(case.rounds for case in cases)
        numbers = [number for number, _ in order]
        assert numbers == sorted(numbers)
        for number in (1, 2):
            once = [case.key for found, case in order if found == number]
            assert len(once) == len(set(once))

    def test_full_has_at_least_five_rounds_of_the_comparison(self):
        for case in engine_cases(MODES["full"]):
            if case.size == SIZE and case.scenario == "first" and case.limit is None:
                assert case.rounds >= 5
