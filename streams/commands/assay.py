"""`recalibra assay`: how well an assay repeats itself, and how its controls stand."""

import shutil
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from streams.show_assay import ControlStanding

OUTCOMES = """
SELECT molecule_id, value, instrument, measured_at, toUnixTimestamp64Micro(measured_at) AS at
FROM outcomes
WHERE trimBoth(normalizeUTF8NFC(assay_id)) = {assay:String}
    AND value IS NOT NULL AND (qualifier IS NULL OR qualifier = '=')
ORDER BY measured_at, event_id
"""
MODELS = """
SELECT model_id, model_version, value, low, high, n
FROM accuracy
WHERE trimBoth(normalizeUTF8NFC(assay_id)) = {assay:String}
    AND segment_field IS NULL AND window = 'all' AND metric = 'rmse'
ORDER BY model_id, model_version
"""
WIDTH_MAX = 100


@click.command()
@click.argument("assay")
@click.option(
    "--linear",
    is_flag=True,
    help="Values are no logarithms (µM, not pIC50): ratios rest on their log10.",
)
@click.option(
    "--replicates",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many measurements, in different runs, an outcome is the mean of.",
)
@click.option(
    "--controls-per-run",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many control results a run has: it decides which of Westgard's rules are used.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(
    assay: str, linear: bool, replicates: int, controls_per_run: int, as_json: bool
) -> None:
    """Show how well ASSAY repeats itself, and the charts of its control compounds.

    Molecules measured again in another run tell the SD of a measurement, the minimum significant
    ratio and the noise floor: the RMSE that no model can be expected to beat. Controls are those of
    `[[monitor.controls]]` in the settings; each is drawn as a Levey-Jennings chart, with Westgard's
    rules.

    \b
    Examples:
      recalibra assay pIC50-EGFR
      recalibra assay IC50-EGFR --linear --replicates 2
      recalibra assay pIC50-EGFR --controls-per-run 4 --json
    """
    from processors.assay.noise_floor import noise_floor
    from schemas.errors import SettingsError
    from schemas.topics import canonical
    from streams.addresses import found
    from streams.clickhouse_access import asking
    from streams.settings import load_settings
    from streams.show_assay import as_record, models_of, repeats_of, sentences, standing_of
    from streams.show_rows import print_json

    settings, name = load_settings(), canonical(assay)
    with asking(found(settings, role="analyst").clickhouse) as client:
        outcomes = list(client.query(OUTCOMES, parameters={"assay": name}).named_results())
        accuracies = list(client.query(MODELS, parameters={"assay": name}).named_results())
    if not outcomes:
        raise SettingsError(
            f'there are no outcomes of {assay}; `recalibra query "SELECT DISTINCT assay_id FROM '
            'outcomes"` lists what there is'
        )
    repeats = repeats_of(outcomes, linear)
    models = models_of(accuracies, noise_floor(repeats.measurement_sd(), replicates))
    controls = [
        standing_of(control, outcomes, controls_per_run)
        for control in settings.options().controls
        if control.assay_id == name
    ]
    if as_json:
        print_json([as_record(assay, repeats, replicates, models, controls)])
    else:
        _print(sentences(repeats, replicates), models, controls)


def _print(
    sentences: list[str], models: list[dict[str, Any]], controls: "list[ControlStanding]"
) -> None:
    from streams.show_assay import control_words, drawn
    from streams.show_rows import print_table

    width = min(shutil.get_terminal_size().columns, WIDTH_MAX)
    for sentence in sentences:
        click.echo(click.wrap_text(sentence, width))
    if models:
        print_table("models", models)
    else:
        click.echo("no model has been held against it yet.")
    if not controls:
        click.echo("no controls: name them in the settings as [[monitor.controls]].")
    for standing in controls:
        picture = drawn(standing, width)
        if picture is not None:
            click.echo(picture)
        for sentence in control_words(standing):
            click.echo(click.wrap_text(sentence, width, preserve_paragraphs=True))
