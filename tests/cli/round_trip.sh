# The question in an answer is what --query reads: asked again, it has the same answer, and names itself.
corong replay --quiet --store s "$DATA/shop.jsonl" > replayed
cat > round.py <<'P'
import json, subprocess, sys

def ask(words, document=None):
    done = subprocess.run(["corong", *words, "--store", "s", "--format", "json"], input=document,
                          capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else sys.exit(f"{words}: {done.stderr}")

STEPS = ["--step", "visit", "--step", "click"]
QUESTIONS = [
    ("funnel",), ("funnel", "--by", "country", "--top", "3", "--attempts", "all", "--window", "1h"),
    ("funnel", "--order", "strict", "--repeat", "allow", "--scope", "funnel"),
    ("funnel", "--order", "any", "--anchor", "first=1"),
    ("funnel", "--where", "country = 'DE' or page like '%\"x\\\\'", "--where-entry", "country is not null"),
    ("funnel", "--trend", "day", "--zone", "Europe/Berlin"), ("funnel", "--exclude", "order after 1 before 2 remove"),
    ("funnel", "--max-gap", "2=1h", "--min-gap", "2=1s"), ("funnel", "--unit", "session", "--window", "session"),
    ("funnel", "--unit", "country", "--ties", "strict"), ("funnel", "--dialect", "clickhouse:strict_order"),
    ("funnel", "--dialect", "posthog"), ("funnel", "--dialect", "mixpanel"), ("funnel", "--dialect", "ga4"),
    ("funnel", "--compare", "2026-01-01..2026-01-02", "--survival", "--from", "2026-01-01"),
    ("funnel", "--as-of", "2026-01-01T00:10:00Z", "--outputs", "counts"),
    ("funnel", "--step", "order", "--optional", "click"), ("funnel", "--dialect-diff", "clickhouse"),
    ("users", "--reached", "1"), ("users", "--dropped", "1", "--gather", "country"), ("trace", "u1"),
    ("stages", "visit", "click"), ("stages",), ("sessions", "--by", "country"),
]
for verb, *words in QUESTIONS:
    person = ["u1"] if verb == "trace" else []
    words = [word for word in words if word not in person]
    steps = [] if verb in ("stages", "sessions") else STEPS
    kept = words[-2:] if "--dialect-diff" in words else []
    first = ask([verb, *person, *steps, *words])
    again = ask([verb, *person, *kept, "--query", "-"], json.dumps(first["question"]))
    digest = [answer.get("provenance", {}).get("result_digest") for answer in (first, again)]
    for answer in (first, again):
        answer.get("provenance", {}).pop("timing", None)
    print("same" if first == again and digest[0] == digest[1] else "OTHER", verb, *words)
P
python3 round.py
