"""The tables of privacy: everything in them is meant to be deleted one day."""

PRIVACY = """
CREATE TABLE privacy_keys (
    tenant text NOT NULL,
    name text NOT NULL,
    key bytea NOT NULL,
    created_ms bigint NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE contents (
    tenant text NOT NULL,
    decision_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('prompt', 'answer')),
    subject text NOT NULL,
    at_ms bigint NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (tenant, decision_id, kind)
);
CREATE INDEX contents_of_subject ON contents (tenant, subject);
CREATE INDEX contents_by_age ON contents (at_ms);

CREATE TABLE vaults (
    tenant text NOT NULL,
    conversation text NOT NULL,
    subject text NOT NULL,
    at_ms bigint NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (tenant, conversation, subject)
);
CREATE INDEX vaults_of_subject ON vaults (tenant, subject);
CREATE INDEX vaults_by_age ON vaults (at_ms);
"""
