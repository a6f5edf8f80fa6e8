"""What goes to models that run elsewhere, and what comes back: files of questions and of answers."""
