"""The output of script/bench, and the figures of several rounds."""
import statistics


class Rounds:
    """The figures of several variants over interleaved rounds."""

    def __init__(self, variants):
        self.reports = {variant: [] for variant in variants}

    def median(self, variant, figure):
        return statistics.median(figure(report) for report in self.reports[variant])

    def ratio(self, variant, other, figure):
        """Median of the ratios of each round: a slow moment of the machine affects both sides of a round."""
        pairs = zip(self.reports[variant], self.reports[other])
        return statistics.median(figure(one) / figure(two) for one, two in pairs)

    def errors(self):
        return sum(report["errors"] for reports in self.reports.values() for report in reports)


class Table:
    """Lines of: label, the supervisor's figure, the other figure, their ratio, the limit."""

    WIDTHS = (46, 13, 13, 8)

    def __init__(self):
        self.missed = []
        self.line("", "supervisor", "themselves", "ratio", "limit")

    def line(self, what, supervisor, other, ratio="", limit=""):
        cells = [what.ljust(self.WIDTHS[0])]
        cells += [cell.rjust(width) for cell, width in zip((supervisor, other, ratio), self.WIDTHS[1:])]
        print("".join(cells) + "  " + limit, flush=True)

    def title(self, text):
        print(f"\n{text}", flush=True)

    def verdict(self, what, holds, limit):
        if not holds:
            self.missed.append(what)
        return f"{limit}: {'holds' if holds else 'MISSED'}"


def per_second(report):
    return report["per_second"]


def note_errors(table, rounds):
    if rounds.errors():
        table.missed.append("errors")
        table.title(f"  {rounds.errors()} connections failed")
