# One person whose events meet every reason; derived by hand.
# Digests say what the whole definition says; here they would only make the transcript long-winded.
plain() { sed -E '/^  result [0-9a-f]{12} /d; /"(definition_hash|result_digest|store_digest)"/d'; }
cat >log.jsonl <<'LOG'
{"user":"ann","time":"2026-01-01T09:00:00Z","event":"view","page":"/a"}
{"user":"ann","time":"2026-01-01T10:00:00Z","event":"cart","page":"/b"}
{"user":"ann","time":"2026-01-02T10:00:00Z","event":"view","page":"/a"}
{"user":"ann","time":"2026-01-02T10:00:01Z","event":"help","page":"/h"}
{"user":"ann","time":"2026-01-02T10:00:02Z","event":"cart","page":"/b"}
{"user":"ann","time":"2026-01-02T10:00:03Z","event":"view","page":"/c"}
{"user":"ann","time":"2026-01-02T10:00:04Z","event":"cart","page":"/d"}
{"user":"ann","time":"2026-01-02T10:00:04Z","event":"cart","page":"/e"}
{"user":"ann","time":"2026-01-02T10:00:05Z","event":"order","page":"/f","revenue":1}
{"user":"ann","time":"2026-01-02T10:00:06Z","event":"logout","page":"/f"}
{"user":"ann","time":"2026-01-02T10:00:07Z","event":"order","page":"/f","revenue":20}
{"user":"ann","time":"2026-01-02T12:00:00Z","event":"cart","page":"/g"}
{"user":"ann","time":"2026-01-03T10:00:00Z","event":"view","page":"/a"}
{"user":"bob","time":"2026-01-04T10:00:00Z","event":"view","page":"/a"}
{"user":"bob","time":"2026-01-04T10:00:00Z","event":"cart","page":"/a"}
{"user":"bob","time":"2026-01-04T10:00:00Z","event":"view","page":"/b"}
LOG
cat >buy.yaml <<'YAML'
stages:
  big order: { event: order, where: "revenue >= 10", priority: 2 }
funnels:
  buy:
    steps: [{ event: view }, { event: cart }, big order]
    window: 1h
    exclude: [{ event: logout, after: 2, before: 3 }]
YAML
corong replay --quiet log.jsonl >/dev/null 2>&1
corong trace ann --config buy.yaml buy --gather page | plain
corong trace ann --config buy.yaml buy --from 2026-01-02 --to 2026-01-03 --as-of 2026-01-02T11:00:00Z --where "page != '/c'" --format csv | plain
corong trace ann --config buy.yaml buy --attempts first | plain
corong trace ann --config buy.yaml buy --attempts last --format csv | plain
corong trace bob --config buy.yaml buy --unit session --format json | plain
corong trace bob --config buy.yaml buy --ties strict --window 0us --format csv | plain
corong trace amn --config buy.yaml buy | plain
corong trace nobody-like-this --config buy.yaml buy | plain
corong trace ann --config buy.yaml by | plain
