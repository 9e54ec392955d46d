"""`recalibra limits`: the limits of a model's charts, and why they are where they are."""

from typing import Any

import click

PAIRS = """
SELECT model_version, toUnixTimestamp64Micro(measured_at) AS at,
    reagent_batch, instrument, operator, protocol_version,
    predicted, measured, predicted_label, measured_label, probability, molecule_id
FROM pairs
WHERE model_id = {model:String} AND trimBoth(normalizeUTF8NFC(assay_id)) = {assay:String}
    AND status = 'paired' AND (qualifier IS NULL OR qualifier = '=')
ORDER BY model_version, measured_at
"""


@click.command()
@click.argument("model")
@click.argument("assay")
@click.option("--version", help="Only this model version; without it, each.")
@click.option(
    "--false-alarms-per-year",
    type=click.FloatRange(min=0, min_open=True),
    help="What the limits would be for another budget.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a series.")
def command(
    model: str, assay: str, version: str | None, false_alarms_per_year: float | None, as_json: bool
) -> None:
    """Show the limits that the charts of MODEL in ASSAY have, and what they follow from.

    The pairs in ClickHouse are shown to the charts again, in the order of measurement.

    \b
    Examples:
      recalibra limits gaff-am1bcc hydration-free-energy
      recalibra limits gaff-am1bcc hydration-free-energy --false-alarms-per-year 0.2
      recalibra limits gaff-am1bcc hydration-free-energy --version 1.0 --json
    """
    from processors.limits.explained import explained
    from schemas.errors import SettingsError
    from schemas.topics import canonical
    from streams.addresses import found
    from streams.clickhouse_access import asking
    from streams.settings import load_settings
    from streams.show_limits import as_line, as_record, as_remark, as_row
    from streams.show_rows import print_json, print_table

    settings = load_settings()
    options = settings.options()
    if false_alarms_per_year is not None:
        options = options._replace(false_alarms_per_model_year=false_alarms_per_year)
    with asking(found(settings, role="analyst").clickhouse) as client:
        answer = client.query(PAIRS, parameters={"model": model, "assay": canonical(assay)})
    by_version: dict[str, list[Any]] = {}
    for row in answer.named_results():
        if version in (None, row["model_version"]):
            by_version.setdefault(row["model_version"], []).append(row)
    if not by_version:
        raise SettingsError(
            f'there are no scored pairs of {model} in {assay}; `recalibra query "SELECT DISTINCT '
            'model_id, model_version, assay_id FROM pairs"` lists what there is'
        )
    for name, rows in by_version.items():
        limits = explained([as_row(row) for row in rows], options)
        if as_json:
            print_json([as_record(each, model, assay) for each in limits])
            continue
        click.echo(
            f"{model} {name} in {assay}: {options.false_alarms_per_model_year:g} false alarms in a "
            f"year of {options.pairs_per_model_year} pairs, shared by "
            + ", ".join(f"{detector} ({part:.0%})" for detector, part in options.detectors.items())
        )
        print_table("series", [as_line(each) for each in limits])
        for remark in filter(None, map(as_remark, limits)):
            click.echo(remark)
