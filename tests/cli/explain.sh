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
echo "every other rule:"
asked() { corong explain --query - 2>&1 | sed -n '/^Steps/,/^What/p' | grep -vE "^ +(in this store|[0-9]\. )" | grep -E "$1"; }
asked "^  (order|scope|repeat) " <<< '{"funnel": {"steps": [visit, cart, order], "order": "strict", "scope": "funnel", "repeat": "allow"}}'
asked "^  (order|scope|repeat) " <<< '{"funnel": {"steps": [visit, cart, order], "order": "strict"}}'
asked "^  (order|entry|attempts) " <<< '{"funnel": {"steps": [visit, cart, order], "entry": "open"}}'
asked "^  (attempts|tie_tolerance|unit) " <<< '{"funnel": {"steps": [visit, order], "attempts": "all", "tie_tolerance": "2s", "unit": ["country", "page"]}}'
corong explain --query - 2>/dev/null <<< '{"funnel": {"steps": [{"stage": visit, "anchor": "first"}, cart, {"stage": order, "anchor": "last"}], "order": "any"}}' | grep -E "anchor|^  order"
corong explain --query - 2>/dev/null <<< '{"funnel": {"steps": [visit, {"stage": cart, "optional": true}, order]}}' | grep -A1 optional
corong explain --step visit --step order --by country --attribution last --trend week --zone Europe/Berlin --survival \
    --compare 2025-12-01..2026-01-01 --where-entry "country is not null" --where-user "country = 'DE'" 2>/dev/null |
    grep -E "^  (attribution|trend|survival|compare|where_entry|where_user) "
