# Three users: A visits, orders; B visits, reads, orders; C visits twice. Under strict_order reading stands between.
write() { printf '{"user":"%s","time":"2026-01-01T10:00:%s","event":"%s"}\n' "$@"; }
{
    write A 00Z visit; write A 20Z order
    write B 00Z visit; write B 10Z read; write B 20Z order
    write C 00Z visit; write C 05Z visit
} >log.jsonl
corong replay --quiet log.jsonl >/dev/null
corong funnel --step visit --step order --dialect clickhouse --format csv
corong funnel --step visit --step order --dialect clickhouse:strict_order
corong pattern '(?1)(?t<=20s)(?2)' --step visit --step order --rows 5
corong pattern '(?1)(?2)' --step visit --step order --step read --format csv
corong explain --step visit --step order --dialect clickhouse:strict_order | grep -A 5 '^  dialect'
try() { "$@" 2>&1; echo "exit $?"; }
try corong funnel --step visit --step order --dialect clickhuose
try corong funnel --step visit --step order --dialect clickhouse:strict
try corong funnel --step visit --step order --dialect doris:fixed,increase
try corong funnel --step visit --step order --dialect starrocks --ties strict
try corong pattern '(?1).*(?2' --step visit --step order
try corong pattern '(?1)(?t<=2)(?3)' --step visit --step order
try corong pattern '(?1)'
