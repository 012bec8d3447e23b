# A page for man(1) per verb; groff finds nothing to warn of, and neither does mandoc where it is there.
corong help --man verify
"$TOOLS/man.sh" "$(command -v corong)" pages
for verb in $(corong help | sed -n '/^  corong/d; s/^  \([a-z]\{1,\}\)  *[^ ].*/\1/p'); do
    [ -s "pages/corong-$verb.1" ] || echo "no page for $verb"
done
for page in pages/*; do
    if command -v groff >/dev/null; then groff -man -Tutf8 -Kutf8 -ww "$page" 2>&1 >/dev/null; fi
    if command -v mandoc >/dev/null; then mandoc -T lint -W warning "$page"; fi
    grep -q '^.SH EXAMPLES' "$page" || echo "$page has no example"
done
