# New and returning customers: u1 has ordered before its second visit, u2 orders in the same second as it enters.
plain() { sed -E '/^  result [0-9a-f]{12} /d'; }
cat >log.jsonl <<'LOG'
{"user":"u1","time":"2026-01-01T10:00:00Z","event":"visit"}
{"user":"u1","time":"2026-01-01T10:01:00Z","event":"order","revenue":10}
{"user":"u1","time":"2026-01-05T10:00:00Z","event":"visit"}
{"user":"u1","time":"2026-01-05T10:02:00Z","event":"order","revenue":30}
{"user":"u2","time":"2026-01-05T11:00:00Z","event":"visit"}
{"user":"u2","time":"2026-01-05T11:00:00Z","event":"order","revenue":5}
{"user":"u3","time":"2026-01-05T12:00:00Z","event":"visit"}
LOG
corong replay --quiet log.jsonl >/dev/null 2>&1
corong funnel --step visit --step order --from 2026-01-05 --by '$customer' | plain
corong users --step visit --step order --from 2026-01-05 --by '$customer' --slice returning --format csv
corong users --step visit --step order --by '$customer' --customer "big: where revenue > 20" --slice new --format csv
corong funnel --step visit --step order --by '$custmer'
true
