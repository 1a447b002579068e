"""Every benchmark runs, small, and prints the figures it promises. No time is asserted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL = ("--json", "--scale", "0.001", "--repeat", "1", "--seed", "7")
PROMISED = {
    "decisions": {
        "salted_decisions_per_cpu_s",
        "unsalted_records_per_cpu_s",
        "records_with_view_per_cpu_s",
        "synchronous_decision_cpu_us",
        "synchronous_decide_cpu_us",
        "log_and_vault_bytes_per_record",
        "view_bytes_per_record",
        "view_bytes_per_plain_record",
        "lost_with_slow_log",
        "lost_with_log_away",
    },
    "check": {"range_records_checked_per_cpu_s", "range_records_with_16_fields_per_cpu_s", "bundle_bytes_per_record"},
    "many_files": {"files", "first_cpu_s", "first_peak_memory_mib", "again_cpu_s", "file_mib"},
    "delivery": {
        "delivery_megabytes_per_core_s",
        "seller_megabytes_per_core_s",
        "buyer_megabytes_per_core_s",
        "delivery_megabytes_per_s",
        "prepare_megabytes_per_core_s",
        "seller_peak_mib",
        "buyer_peak_mib",
    },
    "rows": {
        "membership_rows_per_cpu_s",
        "non_membership_ids_per_cpu_s",
        "membership_proof_bytes",
        "absence_proof_bytes",
        "absence_check_ms",
        "membership_peak_memory_mib",
    },
    "gate": {"index_rows_per_cpu_s", "tensors_mb_per_cpu_s", "json_mb_per_cpu_s", "table_rows_per_cpu_s"},
    "lineage": {
        "graph_ms",
        "graph_cpu_ms",
        "hub_graph_ms",
        "hub_depth_ms",
        "paths_ms",
        "origin_ms",
        "picture_ms",
    },
    "fingerprints": {
        "small_files_sha256_s",
        "small_files_blake3_s",
        "large_file_sha256_gb_per_cpu_s",
        "table_rows_per_cpu_s",
    },
    "catalogue": {"index_s", "index_from_shelf_s", "follow_s", "search_words_ms", "search_all_ms", "like_words_ms"},
    "recall": {"sqlite_recall_s", "sqlite_open_s", "notices_per_cpu_s", "idle_cpu_us", "guarded_cpu_us"},
    "snapshots": {"take_s", "check_s", "export_s", "file_peak_mib", "query_s", "query_peak_mib"},
    "memory": {"append_growth_mib", "rebuild_growth_mib", "bundle_growth_mib", "check_growth_mib"},
    "deidentify": {
        "deidentify_rows_per_cpu_s",
        "deidentify_growth_mib",
        "privacy_rows_per_cpu_s",
        "privacy_growth_mib",
        "quality_rows_per_cpu_s",
        "quality_growth_mib",
        "measures_rows_per_cpu_s",
    },
    "anchor_proof": {"event_proof_bytes", "storage_proof_bytes", "event_check_ms", "storage_check_ms"},
    "market_gas": {
        "publish_gas",
        "first_purchase_gas",
        "repeat_purchase_gas",
        "further_payee_gas",
        "compute_job_gas",
        "compute_job_by_allowance_gas",
        "compute_job_at_once_gas",
        "compute_job_at_once_by_allowance_gas",
        "ocean_first_purchase_gas",
    },
    "market_offers": {"indexed_s", "open_ms", "asset_ms", "seller_ms", "price_ms", "one_ms", "all_ms"},
    "gas": {"anchor_worst_gas", "keep_worst_gas", "anchor_median_gas", "anchor_worst_wider_gas"},
    "ledger": {
        "transactions_per_s_one_a_block",
        "transactions_per_s_in_batches",
        "cpu_ms_per_transaction_one_a_block",
        "reopen_ms_at_10000_transactions",
        "bytes_per_transaction",
    },
    "adapters": {
        "lost_with_slow_disk",
        "batch_processor_lost_with_slow_sink",
        "spans_per_cpu_s",
        "spans_per_cpu_s_one_thread",
        "batch_processor_spans_per_cpu_s",
    },
    "node": {
        "single_requests_per_cpu_s",
        "single_requests_per_s",
        "ndjson_records_per_cpu_s",
        "half_load_p50_ms",
        "half_load_p99_ms",
    },
    "sandbox": {"sandbox_start_ms", "sandbox_start_p95_ms", "sandbox_numpy_ms", "process_start_ms", "probe_ms"},
    "start": {"help_s", "check_receipt_s"},
    "console": {
        "page_kib",
        "first_paint_ms",
        "first_paint_decisions_ms",
        "search_by_subject_ms",
        "search_page_ms",
        "decisions_in_table",
    },
    "views": {
        "sqlite_records_folded_per_cpu_s",
        "sqlite_bytes_per_record",
        "sqlite_subject_ms",
        "sqlite_newest_ms",
        "sqlite_label_ms",
        "sqlite_window_ms",
        "sqlite_label_window_ms",
        "sqlite_overridden_ms",
        "sqlite_counts_ms",
    },
}
PEERS = {
    "mlflow_traces_per_cpu_s",
    "otel_spans_per_cpu_s",
    "mlflow_lost_with_slow_sink",
    "otel_lost_with_slow_sink",
}


def run(name: str, folder: Path, *options: str) -> str:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--folder", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not list(folder.iterdir()), "it leaves files behind"
    return done.stdout


@pytest.fixture(scope="module")
def result_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Runs each benchmark once."""

    @cache
    def result(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run(name, tmp_path_factory.mktemp(name), *SMALL))
        return found

    return result


@pytest.mark.parametrize("name", PROMISED)
def test_prints_one_object_with_the_promised_figures(name: str, result_of: Callable[[str], dict[str, Any]]) -> None:
    result = result_of(name)

    assert result["benchmark"] == name
    assert (result["seed"], result["scale"]) == (7, 0.001)
    assert {"cpu", "cores", "python", "versions", "load", "sync_ms"} <= result["machine"].keys()
    assert not re.search(r"/(home|root|tmp|work|Users)/", json.dumps(result)), "it names a path"
    figures = result["figures"]
    assert PROMISED[name] <= figures.keys()
    for promised in PROMISED[name]:
        assert_measured(promised, figures[promised])
        assert result[promised] == figures[promised]["median"]


def test_every_benchmark_is_among_them() -> None:
    scripts = {path.stem for path in FOLDER.glob("*.py") if "run = start(" in path.read_text(encoding="utf-8")}

    assert scripts == PROMISED.keys()


def assert_measured(name: str, figure: dict[str, Any]) -> None:
    assert figure["unit"], name
    assert figure["says"], name
    assert min(figure["runs"]) <= figure["median"] <= max(figure["runs"]), name
    assert figure["best"] in figure["runs"], name


def test_a_peer_that_is_not_installed_is_null_with_a_hint(result_of: Callable[[str], dict[str, Any]]) -> None:
    figures = result_of("decisions")["figures"]

    for name in PEERS:
        assert figures[name]["median"] is not None or "./setup bench" in figures[name]["note"]
    assert figures["lost_with_slow_log"]["median"] == 0
    assert figures["lost_with_log_away"]["median"] == 0


def test_without_json_it_prints_a_table(tmp_path: Path) -> None:
    lines = run("start", tmp_path, "--scale", "0.001").splitlines()

    assert lines[0].startswith("start: ")
    assert any(line.startswith("help_s ") and line.endswith("seconds") for line in lines)


def test_committed_results_make_the_committed_page() -> None:
    done = subprocess.run([sys.executable, str(FOLDER / "tables.py"), "--check"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
