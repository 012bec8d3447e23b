# One flipped byte of a segment is found.
# exit: 1
corong replay --quiet "$DATA/shop.jsonl" >/dev/null 2>&1
segment=$(ls corong.store/seg/* | head -n 1)
byte=$(od -An -tu1 -j200 -N1 "$segment")
printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$segment" bs=1 seek=200 conv=notrunc status=none
corong verify 2>/dev/null | grep -c '^fault: '
exit "${PIPESTATUS[0]}"
