# What a question counts, in words; with a store, how many events each step takes.
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
cat > corong.yaml <<'YAML'
stages:
  cart: { events: [click, add_to_cart], where: "page like '/%'", group: middle }
funnels:
  buy:
    steps: [visit, { stage: cart, max_gap: 1h, min_gap: 1s }, { event: order, where: "revenue > 0", name: paid }]
    window: 1d
    exclude: [{ event: [logout, sign_out], after: 1, before: paid, effect: remove }]
YAML
corong explain buy --by country --where "country is not null" 2>&1
corong explain --step visit --step order --window session --unit session --attempts last --ties strict \
    --from 2026-01-01 --to 2026-01-03 --range inside --as-of 2026-01-09 --store none 2>&1 | sed -n '/^How events/,/^What/p'
corong explain --step visit --step order --dialect clickhouse:strict_order --window none 2>&1 | grep -E "dialect|window"
corong explain --step visit --step ordr 2>&1 || echo "exit $?"
corong explain nope 2>&1 || echo "exit $?"
