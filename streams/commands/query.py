"""`recalibra query`: SQL, as an analyst asks it."""

from pathlib import Path

import click

WRITERS = {".csv": "to_csv", ".parquet": "to_parquet"}


@click.command()
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answer to a .csv or .parquet file.",
)
def command(sql: str, as_json: bool, output: Path | None) -> None:
    """Ask ClickHouse and show the answer, or write it to a file.

    On the local stack the question is asked as the read-only analyst.

    \b
    Examples:
      recalibra query "SELECT * FROM accuracy WHERE window = 'all'"
      recalibra query "SELECT * FROM alerts WHERE state = 'open'" --json
      recalibra query "SELECT * FROM pairs" --output pairs.parquet
    """
    from clickhouse_connect.driver.exceptions import DatabaseError

    from schemas.errors import SettingsError
    from streams.addresses import found
    from streams.clickhouse_access import asking
    from streams.settings import load_settings
    from streams.show_rows import print_json, print_table

    if output is not None and output.suffix not in WRITERS:
        raise SettingsError(f"{output} must end in {' or '.join(WRITERS)}")
    with asking(found(load_settings(), role="analyst").clickhouse) as client:
        try:
            if output is not None:
                frame = client.query_df(sql)
                getattr(frame, WRITERS[output.suffix])(output, index=False)
                click.echo(f"wrote {len(frame)} rows to {output}")
                return
            answer = client.query(sql)
        except DatabaseError as error:
            raise SettingsError(f"ClickHouse cannot answer: {error}") from error
    rows = [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]
    if as_json:
        print_json(rows)
    else:
        print_table("rows", rows)
