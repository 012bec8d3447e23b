# Segments that are older than an attribute: rows there have no value of it, whichever way goes through them.
plain() { sed -E '/^  result [0-9a-f]{12} /d'; }
cat >1.jsonl <<'LOG'
{"user":"u1","time":"2026-01-01T10:00:00Z","event":"view"}
{"user":"u2","time":"2026-01-01T10:00:00Z","event":"view"}
LOG
cat >2.jsonl <<'LOG'
{"user":"u1","time":"2026-01-01T11:00:00Z","event":"view","product":"x"}
{"user":"u1","time":"2026-01-01T11:01:00Z","event":"click","product":"x"}
{"user":"u1","time":"2026-01-01T11:02:00Z","event":"view","product":"y"}
{"user":"u2","time":"2026-01-01T11:03:00Z","event":"click","product":"x"}
LOG
cat >3.jsonl <<'LOG'
{"user":"u1","time":"2026-01-01T12:00:00Z","event":"click"}
{"user":"u3","time":"2026-01-01T12:00:00Z","event":"view"}
LOG
mapping='user: user, time: time, name: event'
echo "mapping: { format: json, $mapping }" >older.yaml
echo "mapping: { format: json, $mapping, attributes: { product: product } }" >younger.yaml
corong replay --quiet --no-compact --config older.yaml 1.jsonl >/dev/null 2>&1
corong replay --quiet --no-compact --config younger.yaml 2.jsonl >/dev/null 2>&1
corong replay --quiet --no-compact --config younger.yaml 3.jsonl >/dev/null 2>&1
corong inspect | grep -oE 'in [3-6] segments' | sed 's,[3-6],three or more,' # users fall into shards by the store's secret
question='--step view --step click'
echo '(u1, x) wins, (u1, y) does not; u2 has seen no product'
corong funnel $question --unit product --outputs counts | plain
echo 'and with times, which goes another way'
corong funnel $question --unit product --outputs counts,times --format csv | cut -d, -f1-6
echo 'by the product of the entry'
corong funnel $question --by product --outputs counts --format csv | cut -d, -f1-6
corong funnel $question --where "product is null" --outputs counts --format csv | cut -d, -f1-6
