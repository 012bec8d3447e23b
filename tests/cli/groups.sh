# Steps by the groups of their stages; the numbers are those of tests/cli/README.md, added up by hand.
plain() { sed -E '/^  result [0-9a-f]{12} /d'; }
corong replay --quiet "$DATA/shop.jsonl" >/dev/null 2>&1
cat >shop.yaml <<'YAML'
stages:
  look: { event: visit, group: top }
  touch: { event: click, group: top }
  pay: { event: order, group: bottom }
funnels:
  all: { steps: [look, touch, pay] }
YAML
corong funnel --config shop.yaml all | plain
corong funnel --config shop.yaml all --format json | sed -n '/"groups"/,/^  \],/p'
