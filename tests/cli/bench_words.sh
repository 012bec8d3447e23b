# Runs of a benchmark compared, drawn, and refused where they are none.
# exit: 1
run() { # NAME SECONDS...: a document with one figure's runs
    name=$1
    shift
    runs=$(printf '%s,' "$@")
    printf '{"corong_rivals": 1, "rows": [{"what": "funnel", "engine": "corong", "seconds": %s, "runs": [%s]}]}\n' \
        "$1" "${runs%,}" >"$name"
}
run before.json 0.100 0.101 0.102 0.103 0.104
run same.json 0.1005 0.1015 0.1025 0.1035 0.0995
run after.json 0.130 0.131 0.132 0.133 0.134
corong bench compare before.json same.json
echo "exit $?"
mkdir runs && cp before.json runs/
corong bench compare runs before.json --format json | head -n 5
echo '{"corong_bench": 1}' >run.json
corong bench report run.json && head -c 15 run.html && echo
corong bench report before.json
echo "exit $?"
corong bench compare before.json
echo "exit $?"
corong bench compare before.json nothing.json
echo "exit $?"
corong bench run before.json
echo "exit $?"
corong bench reprot
echo "exit $?"
corong bench compare before.json after.json
