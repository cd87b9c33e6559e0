-- A message in parts names its operator only when its last part is sent; receipts of the first parts come earlier.
ALTER TABLE parts ADD COLUMN operator INTEGER;
