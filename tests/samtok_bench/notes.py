"""A reporter that remembers."""


class Notes:
    """What was said, and which stretches of work began."""

    def __init__(self):
        self.notes, self.starts = [], []

    def start(self, what, total, done):
        self.starts.append((what, total, done))

    def advance(self, count):
        pass

    def stop(self):
        pass

    def note(self, text):
        self.notes.append(text)
