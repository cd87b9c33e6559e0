-- How much of what is shared each run uses or may use: links of an operator, its PDUs a second.
CREATE TABLE shares (
    name  text NOT NULL,
    run   integer NOT NULL,
    held  bigint NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (name, run)
);
