# A broker is not named, or not there.
# needs: kafka
echo '{"time":"2026-01-01T00:00:00Z","event":"view","user_id":"a"}' >log.jsonl
corong produce log.jsonl --mapping generic --kafka-topic clicks 2>&1; echo "exit $?"
corong replay --mapping generic --kafka-topic clicks --store s 2>&1; echo "exit $?"
corong serve --mapping generic --kafka-topic clicks --store s 2>&1; echo "exit $?"
corong produce log.jsonl --kafka-topic clicks --format csv 2>&1; echo "exit $?"
# The server waits for a broker and says so without librdkafka's own lines; a signal still ends it.
corong serve --mapping generic --kafka-topic clicks --store s --kafka-property bootstrap.servers=127.0.0.1:9 --kafka-property group.id=g 2>serve.log &
sleep 2; corong status s | grep -A 1 '^  topics'; corong status s --format csv 2>&1; kill -TERM $!; wait $!; echo "exit $?"
grep -c librdkafka serve.log; grep -c thrd serve.log
sed 's/^[^ ]* //' serve.log
