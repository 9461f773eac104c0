"""What happened, in words with times: a file as it goes, and what violates
the oracles also on the screen."""

import threading

from chaos.book import now

SHOWN = 8


class Story:
    def __init__(self, path):
        self.path = path
        self._file = open(path, "w", encoding="utf-8")
        self._lock = threading.Lock()
        self._begin = now()
        self.violations = []

    def close(self):
        self._file.close()

    def tell(self, text):
        with self._lock:
            moment = now()
            print(f"{moment:.3f} ({moment - self._begin:8.3f}) {text}",
                  file=self._file, flush=True)

    def violation(self, text):
        """One thing that must not be.  The first of each sort are shown."""
        self.tell(f"VIOLATION: {text}")
        with self._lock:
            self.violations.append(text)
            if len(self.violations) <= SHOWN:
                print(f"VIOLATION at {now() - self._begin:.3f} s: "
                      f"{text[:400]}", flush=True)
