# a orders four times, b twice, c once, d never: by hand.
plain() { sed -E '/^  result [0-9a-f]{12} /d; /"(definition_hash|result_digest|store_digest)"/d'; }
cat >log.jsonl <<'LOG'
{"user":"a","time":"2026-01-01T10:00:00Z","event":"order","revenue":10,"currency":"EUR"}
{"user":"a","time":"2026-01-02T10:00:00Z","event":"order","revenue":20,"currency":"EUR"}
{"user":"a","time":"2026-01-02T11:00:00Z","event":"order","revenue":30,"currency":"EUR"}
{"user":"a","time":"2026-01-02T12:30:00Z","event":"order","revenue":40,"currency":"USD"}
{"user":"b","time":"2026-01-01T10:00:00Z","event":"order","revenue":5,"currency":"EUR"}
{"user":"b","time":"2026-01-01T10:10:00Z","event":"order"}
{"user":"c","time":"2026-01-03T10:00:00Z","event":"order","revenue":1,"currency":"EUR"}
{"user":"d","time":"2026-01-03T10:00:00Z","event":"visit"}
LOG
corong replay --shards 1 --quiet log.jsonl >/dev/null 2>&1
corong repeat order --times 2 | plain
corong repeat order --times 3 --bars people | plain
corong repeat order --times 2 --format csv
corong repeat "order where revenue >= 10" --times 1 --from 2026-01-02 --format json | plain
corong repeat ordr
corong repeat order --times 101
true
