"""Alerts as a person asks for them: rows of ClickHouse, words and a chart for a terminal."""
