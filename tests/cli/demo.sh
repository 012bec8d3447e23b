# A broker, a shop, a live funnel and a store, in one process; what is left can be asked.
# needs: kafka
corong demo --seconds 3 --rate 4000 --store demo.store --quiet >funnel.txt
head -n 2 funnel.txt
grep -c '^  [1-4]  ' funnel.txt
corong verify demo.store | grep -c '^sound'
corong funnel --store demo.store --step visit --step add_to_cart --step checkout --step order --window 30m --by country --top 4 >again.txt 2>&1
cmp funnel.txt again.txt && echo the same
corong demo --store demo.store 2>&1; echo "exit $?"
# A signal ends it in order.
corong demo --rate 1000 --store short.store --quiet >short.txt &
sleep 2; kill -TERM $!; wait $!; echo "exit $?"
head -n 1 short.txt
