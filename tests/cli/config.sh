# ./corong.yaml is used; what it defines can be asked for by name, and mistakes in it are pointed at.
# exit: 2
cat > corong.yaml <<YAML
store: ./shop.store
mapping: generic
stages:
  paid: { events: [order], where: "revenue > 0" }
funnels:
  buy: { steps: [visit, paid], window: 1d }
  look: { steps: [visit, click] }
YAML
corong replay --quiet "$DATA/shop.jsonl" >/dev/null
corong funnel buy --format csv
corong funnel
corong funnel bye
corong funnel --print-config | grep -A 2 'paid:\|  buy:'
sed -i 's/window/windw/' corong.yaml
corong funnel buy
exit $?
