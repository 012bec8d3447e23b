# A is rescued by a second visit, B orders at the window's very end, C's order lies behind the range, D orders 30 ms
# before the visit, E's visit and order are simultaneous.
write() { printf '{"user":"%s","time":"2026-01-01T10:%s","event":"%s"}\n' "$@"; }
{
    write A 00:00Z visit; write A 50:00Z visit; write A 59:00Z order
    write B 00:00Z visit; write B 30:00Z order
    write C 20:00Z visit; write C 40:00Z order
    write D 00:00.000Z order; write D 00:00.030Z visit
    write E 00:00Z order; write E 00:00Z visit
    write F 00:00Z visit; write F 01:00Z order
} >log.jsonl
corong replay --quiet log.jsonl >/dev/null
ask() { corong funnel --step visit --step order --window 30m "$@" 2>&1 | grep -v '^  as of'; echo "exit $?"; }
ask --dialect-diff mixpanel
ask --dialect-diff mixpanel:optimized
ask --dialect-diff posthog
ask --dialect-diff posthog --to 2026-01-01T10:30:00Z --format csv
ask --dialect-diff pinot --format json
ask --dialect-diff ga4 --top 1
corong funnel --step visit --step order --window 30m --dialect posthog --format csv
cat >strict.yaml <<'END'
funnels:
  strict: { steps: [visit, { event: read }, order], order: strict, window: 1h }
END
write G 00:00Z visit G 01:00Z read G 02:00Z read G 03:00Z order >more.jsonl
corong replay --quiet more.jsonl >/dev/null
corong funnel strict --config strict.yaml --dialect-diff posthog --format csv
try() { "$@" 2>&1; echo "exit $?"; }
try corong funnel --step visit --step order --dialect-diff mixpanel:totals
try corong funnel --step visit --step order --dialect-diff posthgo
try corong funnel --step visit --step order --dialect pinot --dialect-diff posthog
try corong funnel --step visit --step order --dialect pinot:funnel_count,keep_all
try corong funnel --step visit --step order --dialect mixpanel:optimized,totals
try corong funnel --step visit --step order --dialect posthog --ties strict
