"""Where batches are answered: in this process, in threads for a served model, in several processes."""
