# SPDX-License-Identifier: Apache-2.0
"""Corong as its users run it: `corong replay` into a store, `corong funnel` over it."""
import json
import shutil
import statistics

import process
import questions

MAPPING = """\
format: {format}
user: user_id
time: time
name: event
revenue: {{ amount: revenue, currency: {{ const: EUR }} }}
attributes: {{ country: country, device: device, campaign: campaign, page: page, product: product }}
"""
COMBINED = """\
format: combined
user: ip
time: time
name: method
attributes: { path: path, status: status, bytes: bytes, referrer: referrer, agent: agent }
"""
FORMATS = {".jsonl": "json", ".csv": "csv", ".log": "combined"}


class Corong:
    def __init__(self, folder, work):
        self.program, self.work = folder / "corong", work

    def load(self, source, table):
        """What it cost, rows stored, and bytes per event."""
        file_format = FORMATS[source.suffix]
        mapping, store = self.work / f"{file_format}.yaml", self.work / f"{table}.store"
        mapping.write_text(COMBINED if file_format == "combined" else MAPPING.format(format=file_format))
        shutil.rmtree(store, ignore_errors=True)
        _, cost = process.measured([self.program, "replay", "--quiet", "--store", store, "--mapping", mapping,
                                    "--shards", "2", source])
        out, _ = process.measured([self.program, "inspect", "--store", store, "--format", "json"])
        return {**cost, "rows": json.loads(out)["rows"]}

    def bytes(self, table):
        return process.folder_bytes(self.work / f"{table}.store")

    def ask(self, question, runs):
        """Cold: whole processes. Warm: the same question again and again in one process."""
        words = [self.program, questions.corong_verb(question), "--store", self.work / "events.store",
                 *questions.corong_words(question), "--threads", "2", "--timing", "--format", "json"]
        query = questions.corong_query(question)
        if query:
            document = self.work / f"{question.name}.json"
            document.write_text(json.dumps(query))
            words += ["--query", document]
        samples, spent, cost = [], [], {}
        for run in range(runs + 1):
            _, cost = process.measured(words)
            if run > 0:
                samples.append(cost["seconds"])
                spent.append(cost["cpu_seconds"])
        # The first repetition may still fill caches; the program itself measures each.
        out, warm_cost = process.measured(words + ["--again", str(runs + 1)])
        result = json.loads(out)
        work = result["provenance"]["work"]
        inside, inside_cpu = work["seconds_repeated"][1:], work["cpu_seconds_repeated"][1:]
        answer = questions.corong_answer(question, result)
        cold = {**process.spread(samples), "cpu_seconds": statistics.median(spent), "peak_mib": cost["peak_mib"],
                "answer": answer}
        warm = {**process.spread(inside), "cpu_seconds": statistics.median(inside_cpu),
                "peak_mib": warm_cost["peak_mib"], "answer": answer}
        return cold, warm

    def version(self):
        return process.measured([self.program, "version"])[0].split("\n")[0].split()[-1]


def median_load(corong, source, table, runs):
    loads = [corong.load(source, table) for _ in range(runs)]
    return {**process.spread([load["seconds"] for load in loads]), "rows": loads[0]["rows"],
            "cpu_seconds": statistics.median(load["cpu_seconds"] for load in loads),
            "peak_mib": max(load["peak_mib"] for load in loads)}
