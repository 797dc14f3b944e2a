-- A budget of queries a day that holds exactly, for lead-gate.json. Run this once in the database that the
-- credential of a Postgres node opens.
CREATE TABLE juhe_budget (
  day date PRIMARY KEY,
  taken int NOT NULL
);

-- The query of that node. It takes one query out of today's budget of 1,000, or none, and gives back in `left` how
-- many this execution may send: 1 or 0. The day's row is locked meanwhile, so each query is taken once.
WITH place AS (
  INSERT INTO juhe_budget AS budget (day, taken) VALUES (current_date, 1)
  ON CONFLICT (day) DO UPDATE SET taken = budget.taken + 1 WHERE budget.taken < 1000
  RETURNING taken
)
SELECT count(*)::int AS left FROM place;
