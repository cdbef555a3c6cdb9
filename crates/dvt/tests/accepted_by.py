#!/usr/bin/env python3
"""Do tools that read dbt's artifacts from outside accept dvt's?  Run by hand.

    accepted_by.py PROJECT [--target-path target]

PROJECT is a folder in which `dvt build`, `dvt docs generate` and, if it has sources, `dvt source freshness` were run.
Asked are, as far as this Python has them: dbt-core's own artifact classes and their JSON schemas (`pip install dbt-core`),
and the reader of OpenLineage (`pip install openlineage-dbt`), which must give one event for the start and one for the end
of each model, snapshot and test that ran. One virtual environment each is enough: what is not installed is passed over and
said. The exit code is 1 when anybody refused anything, 2 when nobody could be asked.
"""

import argparse
import collections
import json
import logging
import pathlib
import sys


def ask_dbt(target: pathlib.Path) -> list[str]:
    import jsonschema
    from dbt.artifacts.schemas.catalog import CatalogArtifact
    from dbt.artifacts.schemas.freshness import FreshnessExecutionResultArtifact
    from dbt.artifacts.schemas.manifest import WritableManifest
    from dbt.artifacts.schemas.run import RunResultsArtifact
    from dbt.contracts.graph.manifest import Manifest

    wrong = []
    for name, artifact in [
        ("manifest.json", WritableManifest),
        ("run_results.json", RunResultsArtifact),
        ("catalog.json", CatalogArtifact),
        ("sources.json", FreshnessExecutionResultArtifact),
    ]:
        path = target / name
        if not path.exists():
            print(f"dbt: {name} is not there")
            continue
        document = json.loads(path.read_text())
        try:
            read = artifact.read_and_check_versions(str(path))
            if name == "manifest.json":
                Manifest.from_writable_manifest(read)
        except Exception as error:  # whatever a reader dislikes
            wrong.append(f"dbt: {name}: {error!r}")
            continue
        # `connection` is dvt's addition; dbt's schemas allow no others.
        schema = artifact.json_schema()
        errors = list(jsonschema.Draft7Validator(schema).iter_errors(without_additions(document)))
        for error in errors[:10]:
            place = "/".join(str(part) for part in error.absolute_path)
            wrong.append(f"dbt's schema: {name}: {place}: {error.message[:300]}")
        print(f"dbt: {name} read, {len(errors)} complaints of its schema")
    return wrong


def without_additions(value):
    """The document without the keys that COMPATIBILITY.md names as dvt's own."""
    if isinstance(value, dict):
        return {key: without_additions(item) for key, item in value.items() if key != "connection"}
    if isinstance(value, list):
        return [without_additions(item) for item in value]
    return value


def ask_openlineage(project: pathlib.Path, target_path: str) -> list[str]:
    from openlineage.common.provider.dbt.local import DbtLocalArtifactProcessor

    results = json.loads((project / target_path / "run_results.json").read_text())["results"]
    processor = DbtLocalArtifactProcessor(
        project_dir=str(project),
        target_path=target_path,
        producer="urn:dvt",
        job_namespace="dvt",
        skip_errors=False,
        logger=logging.getLogger("openlineage"),
    )
    events = processor.parse()
    ended = events.completes + events.fails
    kinds = collections.Counter(result["unique_id"].split(".")[0] for result in results)
    print(f"openlineage: {len(events.starts)} starts, {len(events.completes)} completions, {len(events.fails)} failures "
          f"of {dict(kinds)}")
    wrong = []
    if len(events.starts) != len(ended):
        wrong.append(f"openlineage: {len(events.starts)} jobs start and {len(ended)} end")
    ran = sum(1 for result in results
              if result["unique_id"].startswith(("model.", "snapshot.")) and result["status"] in ("success", "error"))
    if len(ended) < ran:
        wrong.append(f"openlineage: {ran} models and snapshots ran, {len(ended)} ends are told")
    for event in ended:
        if event.outputs and not event.outputs[0].name:
            wrong.append(f"openlineage: {event.job.name} has an output without a name")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("--target-path", default="target")
    arguments = parser.parse_args()
    wrong, asked = [], 0
    for name, ask in [
        ("dbt-core", lambda: ask_dbt(arguments.project / arguments.target_path)),
        ("openlineage-dbt", lambda: ask_openlineage(arguments.project, arguments.target_path)),
    ]:
        try:
            wrong += ask()
            asked += 1
        except ImportError as error:
            print(f"{name}: not asked ({error})")
    for complaint in wrong:
        print("WRONG", complaint)
    return 1 if wrong else 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
