"""The tables of a history file; docs/history.md says what every column means."""

#: Marks a file as one of these: "cprh".
APPLICATION = 0x63707268

#: Version of the tables, in ``PRAGMA user_version``.
VERSION = 1

SCHEMA = """
CREATE TABLE ranking (
    digest TEXT PRIMARY KEY,
    channels BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    conditions TEXT NOT NULL,
    started TEXT NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    plan TEXT NOT NULL,
    group_names TEXT NOT NULL,
    group_sizes TEXT NOT NULL,
    agent TEXT NOT NULL,
    seed INTEGER NOT NULL,
    problem TEXT NOT NULL,
    images TEXT NOT NULL,
    statistics TEXT NOT NULL,
    repair TEXT NOT NULL,
    ranking TEXT NOT NULL,
    ranking_digest TEXT NOT NULL REFERENCES ranking,
    judging TEXT NOT NULL,
    machine TEXT NOT NULL,
    origin TEXT NOT NULL,
    folder TEXT NOT NULL,
    dense_accuracy REAL NOT NULL,
    dense_loss REAL NOT NULL,
    dense_images INTEGER NOT NULL,
    versions TEXT NOT NULL
);
CREATE INDEX run_by_model ON run (model);
CREATE INDEX run_by_conditions ON run (conditions);

CREATE TABLE budget (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    counted TEXT,
    cost_limit REAL NOT NULL,
    dense REAL NOT NULL,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;

CREATE TABLE evaluation (
    run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    number INTEGER NOT NULL,
    widths TEXT NOT NULL,
    kept TEXT,
    accuracy REAL NOT NULL,
    loss REAL NOT NULL,
    divergence REAL,
    images INTEGER NOT NULL,
    abandoned REAL,
    complete INTEGER NOT NULL,
    feasible INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

CREATE TABLE reading (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    place INTEGER NOT NULL,
    budget TEXT NOT NULL,
    unit TEXT NOT NULL,
    value REAL NOT NULL,
    spread REAL NOT NULL,
    cost_limit REAL NOT NULL,
    dense REAL NOT NULL,
    PRIMARY KEY (run, number, place),
    FOREIGN KEY (run, number) REFERENCES evaluation ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE episode (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    steps INTEGER NOT NULL,
    observation_size INTEGER NOT NULL,
    action_size INTEGER NOT NULL,
    costs INTEGER NOT NULL,
    observations BLOB NOT NULL,
    actions BLOB NOT NULL,
    rewards BLOB NOT NULL,
    cost_values BLOB NOT NULL,
    PRIMARY KEY (run, number),
    FOREIGN KEY (run, number) REFERENCES evaluation ON DELETE CASCADE
) WITHOUT ROWID;

CREATE VIEW cost AS
SELECT run, number, budget, value, value - spread AS lower, value + spread AS upper, unit, cost_limit,
       value / cost_limit AS share_of_limit, value / dense AS share_of_dense
FROM reading;
"""
