"""The commands of `chappe`: each reads its options, asks the room that knows, and prints.  Nothing is judged here."""
