"""docs/PROOFS.md from e2e/proofs/results.json, which a soak run writes: `python -m proofs.document` in e2e/ makes the page again."""

import dataclasses
import json
import pathlib

from harness.driver import KINDS

from .cells import expected
from .truth import IN_PROCESS_AT_A_KILL

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "docs" / "PROOFS.md"
ORDER = ("direct", "nginx", "terminating", "answering", "nginx-killed", "unlisted")


def results():
    return json.loads(RESULTS.read_text())


def write(run):
    """The results and the page, with a way whose run is over in the place of its last one. A run that broke changes nothing."""
    found = {way["name"]: way for way in (results()["ways"] if RESULTS.exists() else [])}
    found[run.name] = joined(found.get(run.name), told_of(run))
    ways = sorted(found.values(), key=lambda way: ORDER.index(way["name"]))
    RESULTS.write_text(json.dumps({"ways": ways}, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(results()))


def joined(former, told):
    """A way's run of some clients takes their place in its run of all, if it asked as much of them."""
    kinds = {cell["kind"] for cell in told["cells"]}
    if not former or former["size"] != told["size"] or kinds >= {cell["kind"] for cell in former["cells"]}:
        return told
    newer = {(cell["kind"], cell["transport"]): cell for cell in told["cells"]}
    cells = [newer.get((cell["kind"], cell["transport"]), cell) for cell in former["cells"]]
    again = {**former.get("again", {}), **dict.fromkeys(sorted(kinds), told["seed"])}
    return {**former, "cells": cells, "void": former["void"] + told["void"], "again": again}


def told_of(run):
    return {"name": run.name, "says": run.path.says, "seed": run.seed, "size": dataclasses.asdict(run.size), "void": run.void,
            "cells": [told_of_cell(run, cell) for cell in run.cells]}


def told_of_cell(run, cell):
    told = {"kind": cell.kind, "transport": cell.transport, "expected": expected(cell, run.path), "failed": cell.failed, "grades": cell.grades,
            "frozen": cell.frozen, "runs": cell.runs, "in_load": cell.in_load}
    verdicts = run.verdict(cell)
    told["sent"] = len(cell.sent) + sum(len(late.sent) for late in run.late_of(cell))
    for count in ("reached", "recorded", "repeats"):
        told[count] = sum(getattr(verdict, count) for verdict in verdicts)
    for ids in ("false", "overtaken", "in_process", "lost"):
        told[ids] = [each for verdict in verdicts for each in getattr(verdict, ids)]
    return told


# -- the page

def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(part) for part in line) + " |" for line in lines)


def grade(cell):
    """As the table shows it. EIO3 gives `engine` only by its own heartbeat, the slow way."""
    if not cell["grades"]:
        return "dropped out"
    slow = KINDS[cell["kind"]][1] == 3
    seen = dict.fromkeys("none" if grade is None else "engine (slow)" if slow and grade == "engine" else grade for grade in cell["grades"])
    return ", ".join(seen)


def grades(ways):
    cells = {(cell["kind"], cell["transport"]): {} for way in ways for cell in way["cells"]}
    for way in ways:
        for cell in way["cells"]:
            cells[cell["kind"], cell["transport"]][way["name"]] = grade(cell)
    rows = [[kind, transport, *(seen.get(way["name"], "-") for way in ways)] for (kind, transport), seen in cells.items()]
    return table(["client", "transport", *(way["name"] for way in ways)], rows)


def losses(ways):
    rows = []
    for way in ways:
        cells = way["cells"]
        total = lambda count: sum(cell[count] for cell in cells)  # noqa: E731
        deaths = lambda run: sum(cell["runs"][run] for cell in cells)  # noqa: E731
        named = lambda ids: sum(len(cell[ids]) for cell in cells)  # noqa: E731
        rows.append([way["name"], len(cells), deaths("left"), deaths("killed"), deaths("half-open"), deaths("late"), total("sent"), total("reached"),
                     total("repeats"), named("in_process"), named("lost"), f"**{named('false')}**", named("overtaken")])
    everything = [sum(int(str(row[at]).strip("*")) for row in rows) for at in range(1, len(rows[0]))]
    everything[-2] = f"**{everything[-2]}**"
    rows.append(["all", *everything])
    return table(["way", "cells", "`disconnect()`", "SIGKILL", "half-open", "late listener", "messages", "counted reached", "repeats", "in a killed process",
                  "never came", "reached, but missing", "of them, a GET that overtook a `disconnect()`"], rows)


def in_process(ways):
    rows = [[way["name"], cell["kind"], cell["transport"], len(cell["in_process"]), cell["runs"]["killed"] + cell["runs"]["half-open"]]
            for way in ways for cell in way["cells"] if cell["in_process"]]
    return table(["way", "client", "transport", "messages", "deaths"], rows) if rows else "None in these runs."


def weaker(ways):
    """Cells that did not show the grade they must, and what went wrong in them."""
    lines = []
    for way in ways:
        for cell in way["cells"]:
            name = f"- {way['name']}, {cell['kind']}, {cell['transport']}: "
            if cell["failed"]:
                lines.append(name + "dropped out of the run: " + cell["failed"].split("; last facts")[0])
            elif set(cell["grades"]) != {cell["expected"]}:
                lines.append(name + f"{grade(cell)}; expected {cell['expected']}")
    return "\n".join(lines) or "- No cell of the first table is weaker than [DELIVERY](DELIVERY.md) says."


def false(ways):
    rows = [[way["name"], cell["kind"], cell["transport"], len(cell["false"]), len(cell["overtaken"]), cell["reached"]]
            for way in ways for cell in way["cells"] if cell["false"]]
    return table(["way", "client", "transport", "missing", "of them, a GET that overtook", "counted reached"], rows) if rows else "None."


def frozen(ways):
    rows = [[way["name"], cell["kind"], cell["transport"], cell["frozen"]] for way in ways for cell in way["cells"] if cell["frozen"]]
    return table(["way", "page", "transport", "proof while frozen"], rows) if rows else "No pages in these runs."


def under_fire(ways):
    counts = [(cell["in_load"], cell["sent"]) for way in ways if way["name"] == "nginx-killed" for cell in way["cells"]]
    return f"{sum(reached for reached, _ in counts):,}" if counts else "0"


def runs(ways):
    rows = [[way["name"], len({cell["kind"] for cell in way["cells"]}), *(way["size"][name] for name in ("rounds", "leaves", "kills", "half_opens")), seeds(way)]
            for way in ways]
    return table(["way", "clients", "messages in a load", "`disconnect()`", "SIGKILL", "half-open", "seed"], rows)


def seeds(way):
    """Of the way's run, and of those that were run again."""
    return ", ".join([str(way["seed"]), *(f"{kind} again: {seed}" for kind, seed in way.get("again", {}).items())])


def page(found):
    ways = found["ways"]
    parts = (HERE / "page.md").read_text()
    named = {"ways": "\n".join(f"- **{way['name']}**: {way['says']}" for way in ways), "grades": grades(ways), "losses": losses(ways), "weaker": weaker(ways),
             "in_process": in_process(ways), "false": false(ways), "frozen": frozen(ways), "under_fire": under_fire(ways), "void": sum(way["void"] for way in ways),
             "allowed": IN_PROCESS_AT_A_KILL,
             "runs": runs(ways)}
    for name, text in named.items():
        parts = parts.replace("{{" + name + "}}", str(text))
    return parts


if __name__ == "__main__":
    PAGE.write_text(page(results()))
