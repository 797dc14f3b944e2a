-- The table of postgres-list.json. Run this once in the database that the workflow's credential opens.
-- Columns whose names begin with mobileStatus_ are the node's; all others may be changed.
CREATE TABLE juhe_contacts (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text,
  phone text NOT NULL,
  route text,
  remark text,
  "mobileStatus_label" text,
  "mobileStatus_advice" text,
  "mobileStatus_state" text,
  "mobileStatus_mobile" text,
  "mobileStatus_province" text,
  "mobileStatus_city" text,
  "mobileStatus_isp" text,
  "mobileStatus_source" text,
  "mobileStatus_checkedAt" timestamptz,
  "mobileStatus_recheckAt" timestamptz,
  "mobileStatus_previousRoute" text,
  "mobileStatus_changed" boolean,
  -- The execution that has taken the row, and since when; without a time the row is free.
  claimed_by text,
  claimed_at timestamptz
);

-- Finds the rows that are due, at any length of the table. A row without a time is due.
CREATE INDEX ON juhe_contacts (coalesce("mobileStatus_recheckAt", '-infinity'));

-- A number that is edited is due at once.
CREATE FUNCTION juhe_recheck() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."mobileStatus_recheckAt" := NULL;
  RETURN NEW;
END
$$;
CREATE TRIGGER juhe_recheck BEFORE UPDATE OF phone ON juhe_contacts
  FOR EACH ROW WHEN (OLD.phone IS DISTINCT FROM NEW.phone) EXECUTE FUNCTION juhe_recheck();

-- Invented rows.
INSERT INTO juhe_contacts (name, phone) VALUES
  ('客户01', '13800012340'),
  ('客户02', '+86 139 0023 4561'),
  ('客户03', '15000345675'),
  ('客户04', '186-0045-6786'),
  ('客户05', '17700567897'),
  ('客户06', '19900678909');
