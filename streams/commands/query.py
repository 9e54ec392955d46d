"""`recalibra query`: SQL, as an analyst asks it."""

import click


@click.command()
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
def command(sql: str, as_json: bool) -> None:
    """Ask ClickHouse and show the answer.

    On the local stack the question is asked as the read-only analyst.

    \b
    Examples:
      recalibra query "SELECT * FROM accuracy WHERE window = 'all'"
      recalibra query "SELECT * FROM alerts WHERE state = 'open'" --json
    """
    from clickhouse_connect.driver.exceptions import DatabaseError

    from schemas.errors import SettingsError
    from streams.addresses import resolved
    from streams.clickhouse_access import asking
    from streams.settings import load_settings
    from streams.show_rows import print_json, print_table

    with asking(resolved(load_settings(), role="analyst").clickhouse) as client:
        try:
            answer = client.query(sql)
        except DatabaseError as error:
            raise SettingsError(f"ClickHouse cannot answer: {error}") from error
    rows = [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]
    if as_json:
        print_json(rows)
    else:
        print_table("rows", rows)
